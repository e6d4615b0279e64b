using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests;

/// <summary>A torch gate, and a layer, follow the step.</summary>
public sealed class RouterSchedulesTests
{
    private static readonly RouterSpec s_spec = Specs.TopK(8, 1) with
    {
        Schedules = new RouterSchedules
        {
            Temperature = new ExponentialSchedule { From = 4, To = 0.25, Steps = 4 },
            K = new LinearSchedule { From = 8, To = 2, Steps = 6 },
        },
    };

    [Theory]
    [InlineData(0, 8)]
    [InlineData(3, 5)]
    [InlineData(60, 2)]
    public void A_step_routes_by_its_own_spec(long step, int k)
    {
        using var scope = NewDisposeScope();
        var logits = tensor(Specs.Random(6 * 8, 1), 6, 8);
        var routing = SpecRouting.route(logits, s_spec, null, new GateContext { Step = step });
        var expected = SpecRouting.route(logits, s_spec.At(step));
        Assert.Equal(k, routing.Choices);
        Assert.Equal(s_spec.At(step), routing.Spec);
        Assert.Equal(expected.ExpertIds.data<long>().ToArray(), routing.ExpertIds.data<long>().ToArray());
        Assert.Equal(expected.Weights.data<float>().ToArray(), routing.Weights.data<float>().ToArray());
    }

    [Fact]
    public void A_layer_called_without_a_context_is_at_its_own_step()
    {
        using var scope = NewDisposeScope();
        var layer = new MoELayer(LayerProfiles.Mixtral(4, 8, 8) with { Router = s_spec });
        using var x = tensor(Specs.Random(3 * 4, 2), 3, 4);
        Assert.Equal(8, layer.route(x).Routing.Choices);
        layer.Step = 6;
        Assert.Equal(2, layer.route(x).Routing.Choices);
        Assert.Equal(5, layer.route(x, new GateContext { Step = 3 }).Routing.Choices);
        layer.Step = -1;
        Assert.Throws<ArgumentOutOfRangeException>("step", () => layer.route(x));
    }

    [Theory]
    [InlineData(0, 4.0)]
    [InlineData(3, 1.0)]
    public void The_coefficient_of_a_loss_follows_the_step(long step, double factor)
    {
        using var scope = NewDisposeScope();
        var schedule = new StepwiseSchedule { Initial = 0.04, Changes = [new ScheduleChange { Step = 3, Value = 0.01 }] };
        var layer = new MoELayer(LayerProfiles.Mixtral(4, 8, 8)) { Losses = [RouterLoss.ZLoss(0.01), new RouterLoss("s", 1, static (routing, padding) => TorchRouterLosses.z_loss(routing.Logits!, padding)).Scheduled(schedule)] };
        using var result = layer.route(tensor(Specs.Random(3 * 4, 2), 3, 4), new GateContext { Step = step });
        Assert.Equal(factor * result.Losses["z_loss"].item<float>(), result.Losses["s"].item<float>(), 1e-6);
        Assert.Contains("schedule.value = NaN", Assert.Throws<SpecException>(static () => RouterLoss.ZLoss(1).Scheduled(new ConstantSchedule { Constant = double.NaN })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_would_stay_without_effect_is_refused()
    {
        using var layer = new MoELayer(LayerProfiles.Mixtral(4, 8, 8) with { Router = s_spec });
        Assert.Contains("k follows a schedule", Assert.Throws<SpecException>(() => layer.top_k = 3).Message, StringComparison.Ordinal);
        Assert.Contains("router.schedules = given: an engine has no training step", Assert.Throws<SpecException>(() => new TorchMoEEngine(layer)).Message, StringComparison.Ordinal);
    }
}
