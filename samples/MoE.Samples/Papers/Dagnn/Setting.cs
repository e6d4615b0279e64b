namespace MoE.Samples.Papers.Dagnn;

/// <summary>A model and how it is trained.</summary>
/// <param name="Name">Its name in results.</param>
/// <param name="Graph"><c>cora</c> or <c>citeseer</c>.</param>
/// <param name="Gate">The gate over depths; null: a GCN.</param>
/// <param name="Depth">K, or the layers of a GCN.</param>
/// <param name="Decay">Weight decay.</param>
/// <param name="Dropout">Dropout.</param>
/// <param name="Least">Epochs before it may stop.</param>
public sealed record Setting(string Name, string Graph, DepthGate? Gate, int Depth, double Decay, double Dropout, int Least = 500)
{
    /// <summary>DAGNN on Cora as released.</summary>
    public static Setting Cora { get; } = new("cora", "cora", DepthGate.Sigmoid, 10, 0.005, 0.8);

    /// <summary>All that is trained per seed, in order. The GCNs have 200 epochs, as published.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Cora,
        new("citeseer", "citeseer", DepthGate.Sigmoid, 10, 0.02, 0.5),
        Cora with { Name = "sum", Gate = DepthGate.Sum },
        Cora with { Name = "softmax", Gate = DepthGate.Softmax },
        Cora with { Name = "mean", Gate = DepthGate.Mean },
        Cora with { Name = "mean-less-decay", Gate = DepthGate.Mean, Decay = 5e-5 },
        Cora with { Name = "last", Gate = DepthGate.Last },
        Cora with { Name = "deep", Depth = 50 },
        Cora with { Name = "mlp", Gate = DepthGate.Sum, Depth = 0, Decay = 5e-4, Dropout = 0.5 },
        new("gcn-2", "cora", null, 2, 5e-4, 0.5, Least: 200),
        new("gcn-8", "cora", null, 8, 5e-4, 0.5, Least: 200),
    ];
}
