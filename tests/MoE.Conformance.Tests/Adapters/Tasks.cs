using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Adapters;

/// <summary>Weights of modules that an adapter puts together, under the names that both sides give them.</summary>
internal sealed class Parts(CaseReader c)
{
    public Dictionary<string, GoldenTensor> Weights { get; } = [];

    public List<Link> Links { get; } = [Link.Of("x", "x")];

    public void Add(string peer, string own)
    {
        Weights[own] = c.Weight(peer);
        Links.Add(Link.Of(peer, own));
    }

    public nn.Module<Tensor, Tensor> Linear(string peer, string own, bool bias = true)
    {
        Add($"{peer}.weight", $"{own}.weight");
        if (bias) Add($"{peer}.bias", $"{own}.bias");
        var weight = c.Weight($"{peer}.weight");
        return nn.Linear(weight.Size(1), weight.Size(0), bias);
    }

    /// <summary>Linear layers with ReLU behind each, as <c>linears.0</c>, <c>linears.1</c>, ...; then what follows.</summary>
    public nn.Module<Tensor, Tensor> Dnn(string peer, string own, Func<string, nn.Module<Tensor, Tensor>[]>? end = null)
    {
        var layers = new List<nn.Module<Tensor, Tensor>>();
        foreach (int i in Enumerable.Range(0, 99).TakeWhile(i => c.HasWeight($"{peer}.linears.{i}.weight")))
        {
            layers.Add(Linear($"{peer}.linears.{i}", $"{own}.{layers.Count}"));
            layers.Add(nn.ReLU());
        }

        if (end is not null) layers.AddRange(end($"{own}.{layers.Count}"));
        return nn.Sequential([.. layers]);
    }
}

internal sealed class DeepCtr : IAdapter
{
    public string Peer => "deepctr_torch";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MMOE"] = MultiGate, ["PLE"] = Extraction };

    private static NamedTorchPlan MultiGate(CaseReader c)
    {
        var parts = new Parts(c);
        int experts = c.Int("num_experts"), tasks = Tasks(c);
        var level = () => CustomizedGateControl.MultiGate(
            Enumerable.Range(0, experts).Select(e => parts.Dnn($"expert_dnn.{e}", $"levels.0.shared.{e}")),
            Enumerable.Range(0, tasks).Select(t => parts.Dnn($"gate_dnn.{t}", $"levels.0.gates.{t}", own => [parts.Linear($"gate_dnn_final_layer.{t}", own, bias: false)])));
        return Plan(c, parts, tasks, () => new ProgressiveLayeredExtraction([level()]));
    }

    private static NamedTorchPlan Extraction(CaseReader c)
    {
        var parts = new Parts(c);
        int tasks = Tasks(c);
        CustomizedGateControl Level(int l) => new(
            Enumerable.Range(0, c.Int("shared_expert_num")).Select(e => parts.Dnn($"shared_experts.{l}.0.{e}", $"levels.{l}.shared.{e}")),
            Enumerable.Range(0, tasks).Select(t => Enumerable.Range(0, c.Int("specific_expert_num")).Select(e => parts.Dnn($"specific_experts.{l}.{t}.{e}", $"levels.{l}.specific.{t}.{e}"))),
            Enumerable.Range(0, tasks).Select(t => parts.Dnn(SpecificGate(c, l, t), $"levels.{l}.gates.{t}", own => [parts.Linear($"specific_gate_dnn_final_layer.{l}.{t}", own, bias: false)])),
            parts.Dnn($"shared_gate_dnn.{l}", $"levels.{l}.shared_gate", own => [parts.Linear($"shared_gate_dnn_final_layer.{l}", own, bias: false)]),
            sharedFirst: false);
        return Plan(c, parts, tasks, () => new ProgressiveLayeredExtraction([.. Enumerable.Range(0, c.Int("num_levels")).Select(Level)]));
    }

    private static string SpecificGate(CaseReader c, int level, int task) => c.HasWeight($"specific_gate_dnn.{level}.{task}.0.linears.0.weight") ? $"specific_gate_dnn.{level}.{task}.0" : $"specific_gate_dnn.{level}.{task}";

    private static int Tasks(CaseReader c) => c.WordsOrNull("task_types")?.Count ?? 2;

    private static nn.Module<Tensor, Tensor> Head(TorchRun run, nn.Module<Tensor, Tensor> tower, int task, Parts towers)
    {
        string prefix = $"{task}.";
        run.Load(tower, $"tower.{prefix}", towers.Weights.Where(w => w.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(w => w.Key[prefix.Length..], static w => w.Value));
        return tower;
    }

    // The bias of the prediction layer is that of the last linear layer.
    private static NamedTorchPlan Plan(CaseReader c, Parts parts, int tasks, Func<ProgressiveLayeredExtraction> model)
    {
        var x = c.Input("x");
        var towers = new Parts(c);
        nn.Module<Tensor, Tensor> Tower(int t) => towers.Dnn($"tower_dnn.{t}", $"{t}", own =>
        {
            towers.Add($"tower_dnn_final_layer.{t}.weight", $"{own}.weight");
            towers.Add($"out.{t}.bias", $"{own}.bias");
            nn.Module<Tensor, Tensor> last = nn.Linear(c.Weight($"tower_dnn_final_layer.{t}.weight").Size(1), 1);
            return (c.WordsOrNull("task_types")?[t] ?? "binary") == "binary" ? [last, nn.Sigmoid()] : [last];
        });
        // Built once here, so that every weight is read before the case runs.
        using (model())
        {
            foreach (int t in Enumerable.Range(0, tasks)) Tower(t).Dispose();
        }

        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var levels = model();
                run.Load(levels, "", parts.Weights);
                var extracted = levels.extract(run.Leaf("x", x)).Tasks;
                run["output"] = cat([.. extracted.Select((task, t) => Head(run, Tower(t), t, towers).call(task))], 1);
            },
            Derivatives =
            [
                new("output", c.InputOrNull("cotangent_output"),
                    [.. parts.Links.DistinctBy(static l => l.PeerNames[0]), .. towers.Links.Skip(1).DistinctBy(static l => l.PeerNames[0]).Select(static l => l with { LibraryNames = [$"tower.{l.LibraryNames[0]}"] })]),
            ],
        };
    }
}

internal sealed class LibMtl : IAdapter
{
    private static readonly string[] Tasks = ["a", "b"];

    public string Peer => "libmtl";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MMoE"] = Mixture, ["CGC"] = Mixture, ["DSelect_k"] = DSelect };

    private static int Count(CaseReader c, string prefix) => Enumerable.Range(0, 99).TakeWhile(i => c.HasWeight($"{prefix}.{i}.weight")).Count();

    private static NamedTorchPlan Mixture(CaseReader c)
    {
        var parts = new Parts(c);
        CustomizedGateControl Level() => new(
            Enumerable.Range(0, Count(c, "experts_shared")).Select(e => parts.Linear($"experts_shared.{e}", $"shared.{e}")),
            Tasks.Select((task, t) => Enumerable.Range(0, Count(c, $"experts_specific.{task}")).Select(e => parts.Linear($"experts_specific.{task}.{e}", $"specific.{t}.{e}"))),
            Tasks.Select((task, t) => parts.Linear($"gate_specific.{task}.0", $"gates.{t}")));
        Level().Dispose();
        var heads = Heads(c);
        var x = c.Input("x");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output_ab" },
            Torch = (run, _) =>
            {
                var level = Level();
                run.Load(level, "", parts.Weights);
                var result = level.mix(run.Leaf("x", x));
                foreach (var (task, t) in Tasks.Select(static (task, t) => (task, t))) run[$"selector_{task}"] = result.Weights[t];
                run["output_ab"] = Decode(run, heads, result.Tasks);
            },
            Derivatives = [new("output_ab", c.InputOrNull("cotangent_output"), [.. parts.Links.DistinctBy(static l => l.PeerNames[0]), .. heads.Links.Skip(1)])],
        };
    }

    private static Parts Heads(CaseReader c)
    {
        var heads = new Parts(c);
        foreach (string task in Tasks) heads.Linear($"decoders.{task}", $"decoders.{task}").Dispose();
        return heads;
    }

    private static Tensor Decode(TorchRun run, Parts heads, IReadOnlyList<Tensor> tasks)
    {
        var outputs = new List<Tensor>();
        foreach (var (task, value) in Tasks.Zip(tasks))
        {
            var decoder = nn.Linear(value.shape[1], 1);
            run.Load(decoder, $"decoders.{task}.", new Dictionary<string, GoldenTensor> { ["weight"] = heads.Weights[$"decoders.{task}.weight"], ["bias"] = heads.Weights[$"decoders.{task}.bias"] });
            outputs.Add(decoder.call(value));
        }

        return cat([.. outputs], 1);
    }

    private static NamedTorchPlan DSelect(CaseReader c)
    {
        var x = c.Input("x");
        int experts = Count(c, "experts_shared"), k = c.Int("num_nonzeros");
        var gates = new Parts(c);
        foreach (string task in Tasks)
        {
            foreach (string part in new[] { "weight", "bias" })
            {
                gates.Add($"_z_logits.{task}.{part}", $"{task}.z_scorer.{part}");
                gates.Add($"_w_logits.{task}.{part}", $"{task}.w_scorer.{part}");
            }
        }

        var bank = new Parts(c);
        foreach (int e in Enumerable.Range(0, experts)) bank.Linear($"experts_shared.{e}", $"items.{e}").Dispose();
        var heads = Heads(c);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output_ab" },
            Torch = (run, _) =>
            {
                var leaf = run.Leaf("x", x);
                var mixtures = new List<Tensor>();
                var linear = new ModuleExperts(Enumerable.Range(0, experts).Select(e => (nn.Module<Tensor, Tensor>)nn.Linear(x.Size(1), bank.Weights[$"items.{e}.weight"].Size(0))));
                run.Load(linear, "bank.", bank.Weights);
                var codes = gates.Weights.Where(static w => !w.Key.EndsWith("codes", StringComparison.Ordinal));
                foreach (string task in Tasks)
                {
                    var gate = new DSelectKGate(experts, k, x.Size(1));
                    var own = codes.Where(w => w.Key.StartsWith($"{task}.", StringComparison.Ordinal)).ToDictionary(w => w.Key[2..], static w => w.Value);
                    own["codes"] = TorchValues.Golden(gate.state_dict()["codes"]);
                    run.Load(gate, $"{task}.", own);
                    var (weights, selected) = gate.select(leaf);
                    run[$"expert_weights_{task}"] = weights;
                    run[$"selector_outputs_{task}"] = selected;
                    var layer = new MoELayer(gate, linear);
                    mixtures.Add(layer.mix(leaf, gate.call(leaf, GateContext.Empty)));
                }

                run["output_ab"] = Decode(run, heads, mixtures);
            },
            Derivatives =
            [
                new("output_ab", c.InputOrNull("cotangent_output"),
                    [.. gates.Links, .. bank.Links.Skip(1).Select(static l => l with { LibraryNames = [$"bank.{l.LibraryNames[0]}"] }), .. heads.Links.Skip(1)]),
            ],
        };
    }
}
