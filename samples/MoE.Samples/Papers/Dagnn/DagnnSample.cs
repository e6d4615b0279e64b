using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Graphs;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>DAGNN at full scale: Cora and CiteSeer, depth, and what of the gate matters.</summary>
public sealed class DagnnSample : Reproduction
{
    private readonly int? _seeds;
    private readonly int _most = 1000;
    private readonly Planetoid? _graph;

    /// <summary>The sample as it ships.</summary>
    public DagnnSample()
    {
    }

    /// <summary>The sample on another graph, with fewer epochs.</summary>
    public DagnnSample(int seeds, int epochs, Planetoid graph) => (_seeds, _most, _graph) = (seeds, epochs, graph);

    /// <inheritdoc/>
    public override string Id => "dagnn";

    /// <inheritdoc/>
    public override string Title => "A gate over depths of a graph network";

    /// <inheritdoc/>
    public override string Paper => "M. Liu, H. Gao, S. Ji (2020): Towards Deeper Graph Neural Networks. KDD, arXiv 2007.09296.";

    /// <inheritdoc/>
    public override string Data => "Planetoid Cora (2,708 nodes) and CiteSeer (3,327 nodes), public split";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("cora", "Test accuracy on Cora, K = 10 (paper 84.4 +- 0.5)", "%", Bound.In(83.9, 84.9)),
        new("citeseer", "Test accuracy on CiteSeer, K = 10 (paper 73.3 +- 0.6)", "%", Bound.In(72.5, 74)),
        new("deep", "Accuracy at K = 10 minus that at K = 50, on Cora", "percentage points", Bound.AtMost(2)),
        new("beats-mlp", "Accuracy on Cora minus that of the network without propagation", "percentage points", Bound.AtLeast(20)),
        new("adaptive-gate", "Accuracy on Cora with the learned gate minus that with a constant one", "percentage points", Bound.AtLeast(0.5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("deep-gcn", "Accuracy of a GCN with 2 layers minus that with 8, on Cora", "percentage points", Bound.AtLeast(10)),
        new("mlp", "Accuracy of the network without propagation", "%", Bound.In(55, 60)),
        new("softmax-gate", "Accuracy lost when the gate is a learned softmax, at the same weight decay", "percentage points", Bound.AtLeast(10)),
        new("mean-gate", "Accuracy lost when every depth weighs 1 / (K + 1), at the same weight decay", "percentage points", Bound.AtLeast(10)),
        new("mean-less-decay", "Accuracy lost when every depth weighs 1 / (K + 1) and weight decay is a hundredth", "percentage points", Bound.AtMost(3)),
        new("last-depth", "Accuracy lost when only the last depth counts", "percentage points", Bound.AtLeast(10)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gate", "every depth weighs one: nothing adapts", ["adaptive-gate"]),
        new("scale", "the gate is a softmax: weights sum to one", ["cora"]),
        new("propagation", "K = 0: no depth but the first", ["cora", "citeseer", "beats-mlp"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var cora = _graph ?? Planetoid.Load(context.Data, Planetoid.Cora);
        var citeseer = _graph ?? Planetoid.Load(context.Data, Planetoid.CiteSeer);
        // Products this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(_seeds ?? context.Pick(3, 20), (seed, progress) =>
        {
            var run = new Dictionary<string, double>();
            double[] weights = [];
            foreach (var setting in Setting.All)
            {
                using var model = Make(Without(setting, context), setting.Graph == "cora" ? cora : citeseer, seed);
                run[setting.Name] = NodeTraining.Accuracy(model, setting.Graph == "cora" ? cora : citeseer, setting.Decay, Math.Min(setting.Least, _most), setting.Least < 500 ? Math.Min(setting.Least, _most) : _most,
                    f => progress((run.Count + f) / Setting.All.Count));
                if (setting.Name == "cora") weights = ((DepthModel)model).MeanWeights();
            }

            context.Progress.Say($"seed {seed}: {string.Join(", ", run.Select(static r => $"{r.Key} {r.Value:0.0}"))}");
            return (run, weights);
        });
        if (runs.Count > 0) Describe([.. runs.Select(static r => r.run)], [.. runs.Select(static r => r.weights)], findings);
    }

    // What is left out is left out of the paper's models; rivals and controls stay.
    private static Setting Without(Setting setting, RunContext context)
    {
        if (setting.Gate != DepthGate.Sigmoid) return setting;
        if (context.Without("gate")) return setting with { Gate = DepthGate.Sum };
        if (context.Without("scale")) return setting with { Gate = DepthGate.Softmax };
        return context.Without("propagation") ? setting with { Depth = 0 } : setting;
    }

    private static NodeModel Make(Setting setting, Planetoid graph, long seed)
    {
        torch.manual_seed(seed);
        var noise = new DropoutNoise(seed);
        return setting.Gate is { } gate ? new DepthModel(graph, gate, setting.Depth, setting.Dropout, noise) : new ConvolutionModel(graph, setting.Depth, setting.Dropout, noise);
    }

    private void Describe(IReadOnlyList<Dictionary<string, double>> runs, IReadOnlyList<double[]> weights, Findings findings)
    {
        void Record(string id, Func<Dictionary<string, double>, double> value) => findings.Record(id, runs.Select(value));
        Record("cora", static r => r["cora"]);
        Record("citeseer", static r => r["citeseer"]);
        Record("deep", static r => r["cora"] - r["deep"]);
        Record("beats-mlp", static r => r["cora"] - r["mlp"]);
        Record("adaptive-gate", static r => r["cora"] - r["sum"]);
        Record("deep-gcn", static r => r["gcn-2"] - r["gcn-8"]);
        Record("mlp", static r => r["mlp"]);
        Record("softmax-gate", static r => r["cora"] - r["softmax"]);
        Record("mean-gate", static r => r["cora"] - r["mean"]);
        Record("mean-less-decay", static r => r["cora"] - r["mean-less-decay"]);
        Record("last-depth", static r => r["cora"] - r["last"]);

        (string Name, IReadOnlyList<double> Values)[] rows = [.. Setting.All.Select(s => (s.Name, (IReadOnlyList<double>)[.. runs.Select(r => r[s.Name])]))];
        double[] means = [.. Enumerable.Range(0, weights[0].Length).Select(d => weights.Average(w => w[d]))];
        findings.Numbers["accuracy_percent"] = rows.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
        findings.Numbers["gate_weight_by_depth"] = means;
        findings.Page = result => PaperPage.Of(result, $"{Paper} {Data}.",
        [
            ("Test accuracy", [IntervalChart.Draw(rows, "accuracy, %", "Test accuracy of all models")]),
            ("The learned gate: mean weight by depth on Cora", [Diagnostics.HtmlPage.Table(
                [.. means.Select(static (_, d) => $"{d}")], [[.. means.Select(static w => $"{w:0.00}")]], words: 0)]),
        ]);
    }
}
