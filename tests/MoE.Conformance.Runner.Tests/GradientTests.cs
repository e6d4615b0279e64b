using System.Text.Json.Nodes;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Gradient rows, with an engine that gives what it is told to give.</summary>
public sealed class GradientTests
{
    private const string Gate = "torchtitan/TokenChoiceTopKRouter__t12_e16_k4_sigmoid_bias_norm_scale.json";
    private const string Fused = "transformers/v5.GptOssMLP__t5_e4_kall.json";
    private const string PerExpert = "mistral_inference/MoeLayer__t5_e4_kall.json";

    [Theory]
    [InlineData(Gate)]
    [InlineData(Fused)]
    [InlineData(PerExpert)]
    public void Recorded_gradients_pass_through_the_layouts(string name)
    {
        var json = Golden.Json(name);
        var result = Golden.Run(json, new EchoEngine(json), RowKind.Gradient);
        Assert.True(result.Outcome == Outcome.Passed, result.Message);
        Assert.Equal(Golden.Read(json).Grads.Values.Sum(static g => (long)g.Tensor!.Count), result.Values);
    }

    [Theory]
    [InlineData(Gate)]
    [InlineData(Fused)]
    [InlineData(PerExpert)]
    public void A_wrong_gradient_fails(string name)
    {
        var json = Golden.Json(name);
        var engine = new EchoEngine(json);
        foreach (string key in Golden.Read(json).Grads.Keys)
        {
            var changed = json.DeepClone();
            var data = changed.Data("grads", key);
            data[data.Count - 1] = data[^1]!.GetValue<double>() + 0.01;
            var result = Golden.Run(changed, engine, RowKind.Gradient);
            Assert.Equal(Outcome.Failed, result.Outcome);
            Assert.Contains($"grads.{key}", result.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_gradient_that_nobody_compares_fails()
    {
        var json = Golden.Json(Gate);
        var engine = new EchoEngine(json);
        json["grads"]!["temperature"] = json["grads"]!["x"]!.DeepClone();
        Assert.Contains("grads.temperature is not mapped", Golden.Run(json, engine, RowKind.Gradient).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_gradients_is_skipped()
    {
        var json = Golden.Json(Gate);
        json["grads"] = new JsonObject();
        Assert.Equal(Outcome.Skipped, Golden.Run(json, new EchoEngine(json), RowKind.Gradient).Outcome);
    }

    [Fact]
    public void The_cotangent_follows_the_engines_order_of_choices()
    {
        var json = Golden.Json(Gate);
        var engine = new EchoEngine(json);
        double[] recorded = Golden.Read(json).Inputs["cotangent_topk_scores"].Tensor!.Reals[..2].ToArray();
        Golden.Run(json, engine, RowKind.Gradient);
        Assert.Equal(recorded, engine.Cotangent!.Reals[..2].ToArray());

        foreach (string key in new[] { "topk_scores", "topk_expert_ids" })
        {
            var data = json.Data("outputs", key);
            (data[0], data[1]) = (data[1]!.DeepClone(), data[0]!.DeepClone());
        }

        Golden.Run(json, engine, RowKind.Gradient);
        Assert.Equal([recorded[1], recorded[0]], engine.Cotangent.Reals[..2].ToArray());
    }

    [Fact]
    public void An_engine_that_throws_fails_the_row()
    {
        var json = Golden.Json(Gate);
        var result = Golden.Run(json, new Engines.ManagedEngine(), RowKind.Gradient);
        Assert.Equal(Outcome.Failed, result.Outcome);
        Assert.Contains("no gradients", result.Message, StringComparison.Ordinal);
    }

    /// <summary>Gives the recorded choice and gradients of a case, whatever it is asked to run.</summary>
    private sealed class EchoEngine(JsonNode json) : IEngine, IEngineRun
    {
        private readonly GoldenCase _golden = Golden.Read(json);
        private CasePlan? _plan;

        public string Name => "echo";

        public GoldenTensor? Cotangent { get; private set; }

        public IEngineRun Run(CasePlan plan, GoldenTensor? replay, bool gradients)
        {
            _plan = plan;
            return this;
        }

        public IEnumerable<string> GivenKeys => [];

        public bool Has(string key) => false;

        public GoldenTensor Value(string key) => throw new NotSupportedException(key);

        public void Differentiate(string key, GoldenTensor? cotangent, bool add = false) => throw new NotSupportedException(key);

        public GoldenTensor Value(Quantity quantity) => _golden.Outputs[_plan!.Outputs.First(o => o.Value == quantity).Key].Tensor!.Rows();

        public void Differentiate(Quantity quantity, GoldenTensor? cotangent) => Cotangent = cotangent;

        public GoldenTensor Gradient(string variable)
        {
            var link = _plan!.Variables.First(l => l.LibraryNames.Contains(variable));
            var values = link.Layout.ToLibrary([.. link.PeerNames.Select(n => _golden.Grads[n].Tensor!)]);
            return values[link.LibraryNames.ToList().IndexOf(variable)];
        }

        public void Dispose()
        {
        }
    }
}
