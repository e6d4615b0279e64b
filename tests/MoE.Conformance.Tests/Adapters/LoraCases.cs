using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Conformance.Adapters;

/// <summary>What the adapters of PEFT and of the original X-LoRA share.</summary>
internal static class LoraCases
{
    public static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(static i => i.ToString(System.Globalization.CultureInfo.InvariantCulture))];

    /// <summary>Weight and, where there is one, bias of a base layer, under the library's names.</summary>
    public static Dictionary<string, GoldenTensor> Base(CaseReader c, string peer, string own = "base_layer.")
    {
        var weights = new Dictionary<string, GoldenTensor> { [$"{own}weight"] = c.Weight($"{peer}weight") };
        if (c.WeightOrNull($"{peer}bias") is { } bias) weights[$"{own}bias"] = bias;
        return weights;
    }

    /// <summary>A linear layer of the sizes of its recorded weights.</summary>
    public static Linear Linear(IReadOnlyDictionary<string, GoldenTensor> weights, string name)
    {
        var weight = weights[$"{name}weight"];
        return nn.Linear(weight.Size(1), weight.Size(0), weights.ContainsKey($"{name}bias"));
    }

    /// <summary>The classifier; the linear layers lie at every second or third place of the peers' lists.</summary>
    public static NamedTorchPlan Classifier(CaseReader c, Func<int, string> last, bool relu)
    {
        int depth = c.Int("xlora_depth");
        bool bias = c.Bool("use_bias");
        string[] names = last(0).StartsWith("layers", StringComparison.Ordinal) && c.HasWeight("layers.0.weight")
            ? [.. c.WeightNames().Where(static w => w.EndsWith(".weight", StringComparison.Ordinal)).Select(static w => w[..^".weight".Length]).OrderBy(static w => int.Parse(w.Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture))]
            : [.. Enumerable.Range(0, depth).Select(last)];
        var spec = new XLoraSpec
        {
            Hidden = c.Int("hidden_size"),
            Adapters = c.Int("n_classes"),
            Layers = c.Int("n_layers"),
            Depth = depth,
            Width = depth == 1 ? 1 : c.Int("xlora_size"),
            LayerWise = c.Bool("layerwise_scalings"),
            Bias = bias,
            ReluAndDropout = relu,
            Dropout = c.Double("xlora_dropout_p"),
            Softmax = c.Bool("enable_softmax"),
            Temperature = c.Double("softmax_temperature"),
        };
        var weights = new Dictionary<string, GoldenTensor>();
        var links = new List<Link> { Link.Of("hidden_state", "hidden_state") };
        foreach (int i in Enumerable.Range(0, depth))
        {
            foreach (string part in bias ? new[] { "weight", "bias" } : ["weight"])
            {
                weights[$"layers.{i}.{part}"] = c.Weight($"{names[i]}.{part}");
                links.Add(Link.Of($"{names[i]}.{part}", $"layers.{i}.{part}"));
            }
        }

        var hidden = c.Input("hidden_state");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var classifier = new XLoraClassifier(spec);
                run.Load(classifier, "", weights);
                classifier.eval();
                run["scalings"] = classifier.call(run.Leaf("hidden_state", hidden));
            },
            Derivatives = [new("scalings", c.InputOrNull("cotangent_scalings"), links)],
        };
    }

    /// <summary>A linear layer under recorded scalings.</summary>
    public static NamedTorchPlan Scaled(CaseReader c, bool acrossTokens)
    {
        string[] names = Names(c.Int("num_adapters"));
        var spec = new LoraSpec { Rank = c.Int("r"), Alpha = c.Double("lora_alpha"), RankStabilized = c.Bool("use_rslora") };
        var x = c.Input("x");
        var scalings = c.Input("scalings");
        int layerNumber = c.Int("layer_number");
        double global = c.Double("global_scaling_weight");
        var weights = Base(c, "base.");
        var links = new List<Link> { Link.Of("x", "x"), Link.Of("scalings", "scalings"), Link.Of("base.weight", "base_layer.weight"), Link.Of("base.bias", "base_layer.bias") };
        foreach (string factor in new[] { "lora_A", "lora_B" })
        {
            var all = c.Weight(factor);
            foreach (int i in Enumerable.Range(0, names.Length))
            {
                weights[$"adapters.{factor}.{names[i]}.weight"] = all.Slice(0, i, 1).Reshape([.. all.Shape.Skip(1)]);
                links.Add(Link.Of($"{factor}.{i}", $"adapters.{factor}.{names[i]}.weight"));
            }
        }

        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new LoraLinear(Linear(weights, "base_layer."));
                foreach (string name in names) layer.Adapters.Add(name, spec);
                run.Load(layer, "", weights);
                var own = run.Leaf("scalings", scalings).select(-2, layerNumber);
                var effective = XLora.effective_scalings(own, c.IntOrNull("top_k_lora"), c.Bool("enable_softmax_topk"), acrossTokens);
                run["effective_scalings"] = effective;
                layer.Mix = new ScaledLoraMix(effective, global);
                run["output"] = layer.call(run.Leaf("x", x));
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), links)],
        };
    }
}
