using MoE.Samples.Numerics;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hmode;

/// <summary>How well a model counts: mean absolute errors, in things counted per image.</summary>
/// <param name="Final">Of the whole mixture.</param>
/// <param name="Experts">Of each expert alone, coarse to fine.</param>
/// <param name="Uniform">Of the three experts' average.</param>
/// <param name="FineByRow">Weight of the finest expert in its two pairs, by row of the gate, top to bottom.</param>
public sealed record CountScore(double Final, IReadOnlyList<double> Experts, double Uniform, IReadOnlyList<double> FineByRow)
{
    private const int Batch = 20;

    /// <summary>The best expert, chosen with the test images in hand: the hardest rival.</summary>
    public double Best => Experts.Min();

    /// <summary>Rank correlation of row and weight of the finest expert; 0 where there is one row.</summary>
    public double FineAgainstRow => FineByRow.Count < 2 ? 0 : RankCorrelation.Of([.. Enumerable.Range(0, FineByRow.Count).Select(static r => (double)r)], FineByRow);

    /// <summary>Scores a model on held-out images.</summary>
    public static CountScore Of(DensityModel model, CountingSet set)
    {
        using var guard = no_grad();
        double final = 0, uniform = 0;
        double[] experts = new double[DensityModel.Experts];
        double[]? rows = null;
        for (int from = 0; from < set.Count; from += Batch)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(Batch, set.Count - from), size = set.Side * set.Side;
            var maps = model.predict(tensor(set.Images[(from * size)..((from + count) * size)]).view(count, 1, set.Side, set.Side));
            float[] totals = [.. maps.Final.sum([1, 2, 3]).data<float>()], single = [.. maps.Experts.sum([2, 3]).data<float>()];
            // The finest expert is the second of the pairs (0, 2) and (1, 2).
            float[] fine = [.. maps.PairWeights.select(2, 1).narrow(1, 1, 2).mean([0, 1, 3]).data<float>()];
            rows ??= new double[fine.Length];
            for (int r = 0; r < rows.Length; r++) rows[r] += fine[r] * count / set.Count;
            for (int i = 0; i < count; i++)
            {
                double truth = set.Counts[from + i];
                var ofImage = single.AsSpan(i * DensityModel.Experts, DensityModel.Experts);
                double Error(double total) => Math.Abs(total / CountingLoss.Scale - truth) / set.Count;
                final += Error(totals[i]);
                for (int e = 0; e < DensityModel.Experts; e++) experts[e] += Error(ofImage[e]);
                uniform += Error((ofImage[0] + (double)ofImage[1] + ofImage[2]) / DensityModel.Experts);
            }
        }

        return new(final, experts, uniform, rows!);
    }
}
