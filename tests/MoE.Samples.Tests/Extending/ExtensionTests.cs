using MoE.Samples.Data;
using MoE.Samples.Digits;
using MoE.Samples.Extending;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Extending;

public sealed class ExtensionTests
{
    private static readonly DigitImages Images = DigitImages.Load(new DataFolders(Path.GetTempPath()));

    public static TheoryData<string> Ids => [OwnGate.Sample.Id, OwnExpert.Sample.Id, OwnModel.Sample.Id];

    [Theory, MemberData(nameof(Ids))]
    public void An_extension_meets_its_bounds_on_one_seed(string id)
    {
        var (sample, run) = id switch
        {
            "extend-gate" => (OwnGate.Sample, (Func<DigitSplit, Action<double>, IReadOnlyDictionary<string, double>>)OwnGate.Run),
            "extend-expert" => (OwnExpert.Sample, OwnExpert.Run),
            _ => (OwnModel.Sample, OwnModel.Run),
        };
        using var split = DigitSplit.Draw(Images, parts: 3, seed: 11);
        manual_seed(11);
        double progress = 0;
        var values = run(split, f => progress = f);
        Assert.Equal(1, progress, 9);
        foreach (var claim in sample.Claims) Assert.True(claim.Bound.Allows(values[claim.Id]), $"{claim.Statement}: {values[claim.Id]}, must be {claim.Bound}");
    }

    [Fact]
    public void The_gate_takes_a_second_expert_where_the_first_is_not_far_ahead()
    {
        manual_seed(3);
        using var gate = new AdaptiveGate(experts: 5, width: 4, gap: 0.25);
        using var tokens = randn(200, 4).mul(2);
        using var routing = gate.call(tokens, GateContext.Empty);
        var host = routing.Snapshot();
        for (int t = 0; t < 200; t++)
        {
            float[] best = [.. host.Scores.Slice(t * 5, 5).ToArray().OrderDescending()];
            Assert.Equal(best[0], host.Weights[2 * t]);
            bool sure = best[0] - best[1] > 0.25f;
            Assert.Equal(sure, host.ExpertIds[(2 * t) + 1] == -1);
            Assert.Equal(sure ? 0 : best[1], host.Weights[(2 * t) + 1]);
        }

        Assert.InRange(host.Load().Sum(), 220, 380);
    }

    [Fact]
    public void The_gate_agrees_with_its_host_version()
    {
        manual_seed(4);
        using var gate = new AdaptiveGate(experts: 6, width: 8, gap: 0.3);
        using var tokens = randn(300, 8);
        using var routing = gate.call(tokens, GateContext.Empty);
        var host = new AdaptiveHostGate(gate.state_dict()["weight"].data<float>().ToArray(), 6, 0.3);
        var served = (TopKRouting)host.Route(new GateInput(tokens.data<float>().ToArray(), 8));
        var trained = routing.Snapshot();
        Assert.Equal(trained.ExpertIds.ToArray(), served.ExpertIds.ToArray());
        for (int r = 0; r < trained.RouteCount; r++) Assert.Equal(trained.Weights[r], served.Weights[r], 1e-5f);
    }

    [Fact]
    public void The_gradient_of_the_task_reaches_the_gate_and_an_expert_of_each_kind()
    {
        manual_seed(5);
        using var layer = new MoELayer(new AdaptiveGate(2, 64, 0.99), new ModuleExperts([new ConvolutionExpert(), nn.Linear(64, 64)]));
        using var scope = NewDisposeScope();
        layer.call(randn(32, 64)).square().sum().backward();
        Assert.All(layer.named_parameters(), static p => Assert.True(p.parameter.grad is { } g && g.abs().sum().item<float>() > 0, p.name));
    }

    [Fact]
    public void A_layer_fits_into_the_model_unchanged()
    {
        using var layer = new MoELayer(new MoELayerSpec { Width = RowReader.Width, Router = RouterProfiles.Mixtral(4), Expert = new() { Width = 8 } }) { Losses = [RouterLoss.LoadBalancing(1)] };
        using var model = new RowReader(layer);
        using var collector = new RouterLossCollector(model);
        using var images = zeros(3, 64);
        using var logits = model.call(images);
        using var loss = collector.Take();
        Assert.Equal([3, 10], logits.shape);
        // Load balancing is at least 1 times its coefficient whatever the routing of balanced scores; here it is positive and finite.
        Assert.True(float.IsFinite(loss.item<float>()) && loss.item<float>() > 0);
    }
}
