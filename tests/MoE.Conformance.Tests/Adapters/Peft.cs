using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Adapters;

/// <summary>PEFT: LoRA layers, Poly, and X-LoRA as it is there.</summary>
internal sealed class Peft : IAdapter
{
    public string Peer => "peft";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["LoraLinear"] = LoraLinear,
        ["PolyLinear"] = PolyLinear,
        ["XLoraClassifier"] = c => LoraCases.Classifier(c, static i => $"layers.{i}", relu: true),
        ["XLoraLinearLayer"] = c => LoraCases.Scaled(c, acrossTokens: false),
    };

    private static NamedTorchPlan LoraLinear(CaseReader c)
    {
        int count = c.Int("num_adapters");
        var spec = new LoraSpec { Rank = c.Int("r"), Alpha = c.Double("lora_alpha"), RankStabilized = c.Bool("use_rslora") };
        string[] names = LoraCases.Names(count);
        var x = c.Input("x");
        int[]? rows = c.WordsOrNull("adapter_names")?.Select(n => Array.IndexOf(names, n)).ToArray();
        var weights = LoraCases.Base(c, "base_layer.");
        var links = new List<Link> { Link.Of("x", "x"), Link.Of("base_layer.weight", "base_layer.weight"), Link.Of("base_layer.bias", "base_layer.bias") };
        foreach (string name in names)
        {
            foreach (string factor in new[] { "lora_A", "lora_B" })
            {
                weights[$"adapters.{factor}.{name}.weight"] = c.Weight($"{factor}.{name}.weight");
                links.Add(Link.Of($"{factor}.{name}.weight", $"adapters.{factor}.{name}.weight"));
            }
        }

        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new LoraLinear(LoraCases.Linear(weights, "base_layer."));
                foreach (string name in names) layer.Adapters.Add(name, spec);
                run.Load(layer, "", weights);
                layer.Mix = rows is null ? LoraMix.Of(names) : new RowLoraMix(tensor(Array.ConvertAll(rows, static r => (long)r)));
                run["output"] = layer.call(run.Leaf("x", x));
                foreach (int i in Enumerable.Range(0, count))
                {
                    if (c.HasOutput($"delta_weight_{i}")) run[$"delta_weight_{i}"] = layer.Adapters.delta_weight(names[i]);
                }
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), links)],
        };
    }

    private static NamedTorchPlan PolyLinear(CaseReader c)
    {
        var x = c.Input("x");
        var tasks = c.Input("task_ids");
        var weights = LoraCases.Base(c, "base_layer.");
        (string Peer, string Own)[] own = [("poly_router.a.module_logits", "module_logits"), ("poly_lora_A.a", "lora_A"), ("poly_lora_B.a", "lora_B")];
        foreach (var (peer, name) in own) weights[name] = c.Weight(peer);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new PolyLinear(LoraCases.Linear(weights, "base_layer."), c.Int("n_tasks"), c.Int("n_skills"), c.Int("r"), c.Int("n_splits"));
                run.Load(layer, "", weights);
                layer.eval();
                run["mixing_weights"] = layer.weights(TorchValues.Tensor(tasks)!);
                run["output"] = layer.call(run.Leaf("x", x), TorchValues.Tensor(tasks)!);
            },
            Derivatives =
            [
                new("output", c.InputOrNull("cotangent_output"),
                    [Link.Of("x", "x"), Link.Of("base_layer.weight", "base_layer.weight"), Link.Of("base_layer.bias", "base_layer.bias"), .. own.Select(static o => Link.Of(o.Peer, o.Own))]),
            ],
        };
    }
}
