using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>What associations with stored images do at one seed: retrieval, energy, and the regimes of beta.</summary>
public sealed record Retrieval
{
    /// <summary>The beta of retrieval.</summary>
    public const double Sharp = 8;

    /// <summary>Updates within which a state has settled for good.</summary>
    public const int Updates = 100;

    /// <summary>From the mean of all patterns to a single one: patterns have norm sqrt(784), so that beta = 1 / 784 is where products of patterns are of order one.</summary>
    public static IReadOnlyList<double> Betas { get; } = [1e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.3, 1, Sharp];

    /// <summary>Half images whose pattern came back within a tenth of its norm after one update at <see cref="Sharp"/>, in percent.</summary>
    public required double Retrieved { get; init; }

    /// <summary>Likewise near beta = 0.</summary>
    public required double RetrievedFlat { get; init; }

    /// <summary>Largest difference of an update near beta = 0 from the mean of all patterns.</summary>
    public required double FromMean { get; init; }

    /// <summary>Largest difference of an update at a huge beta from the pattern with the largest product.</summary>
    public required double FromNearest { get; init; }

    /// <summary>Largest difference of an update at 1 / sqrt(d) from torch's attention.</summary>
    public required double FromAttention { get; init; }

    /// <summary>Largest rise of the energy in any update, as a fraction of its size.</summary>
    public required double EnergyRise { get; init; }

    /// <summary>Per beta: the mean number of patterns (exponential of the entropy) that settled states mix.</summary>
    public required double[] Effective { get; init; }

    /// <summary>Per beta: share of settled states that mix at least two patterns but at most half of them.</summary>
    public required double[] Metastable { get; init; }

    /// <summary>Per beta: the mean weight that a settled state gives to patterns of its image's class.</summary>
    public required double[] OwnClass { get; init; }

    /// <summary>Mean share of an image's class among the stored.</summary>
    public required double OwnClassShare { get; init; }

    /// <summary>Number of stored patterns.</summary>
    public required int Stored { get; init; }

    /// <summary>Measures.</summary>
    /// <param name="store">The patterns.</param>
    /// <param name="associates">False: the ablated mechanism, beta = 0 in retrieval and regimes; the identities stay.</param>
    public static Retrieval Of(PatternStore store, bool associates)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        double Beta(double beta) => associates ? beta : 0;
        var patterns = store.Patterns;
        int n = store.Labels.Length;
        var halves = cat([store.Halves(lower: true), store.Halves(lower: false)]);
        var whole = patterns.repeat(2, 1);
        double width = patterns.shape[1];

        double Share(Tensor states) => 100 * ((states - whole).norm(1, p: 2f) / whole.norm(1, p: 2f)).lt(0.1).to(ScalarType.Float64).mean().item<double>();
        // Updates until nothing moves, and the largest rise of the energy on the way.
        (Tensor States, double Rise) Settle(double beta)
        {
            var states = halves;
            double rise = double.NegativeInfinity;
            for (int i = 0; i < Updates; i++)
            {
                var next = Associations.retrieve(states, patterns, beta);
                if (beta > 0)
                {
                    var energy = Associations.energy(states, patterns, beta);
                    rise = Math.Max(rise, ((Associations.energy(next, patterns, beta) - energy) / energy.abs().clamp_min(1)).max().item<double>());
                }

                double moved = Largest(next, states);
                states = next;
                if (moved < 1e-9) break;
            }

            return (states, rise);
        }

        double Largest(Tensor a, Tensor b) => (a - b).abs().max().item<double>();

        var nearest = patterns.index_select(0, halves.matmul(patterns.t()).argmax(1));
        var attention = nn.functional.scaled_dot_product_attention(halves.unsqueeze(0), patterns.unsqueeze(0), patterns.unsqueeze(0)).squeeze(0);
        var effective = new double[Betas.Count];
        var metastable = new double[Betas.Count];
        var own = new double[Betas.Count];
        double rise = 0;
        var labels = tensor(store.Labels);
        var sameClass = labels.repeat(2).unsqueeze(1).eq(labels.unsqueeze(0)).to(ScalarType.Float64);
        for (int b = 0; b < Betas.Count; b++)
        {
            using var inner = NewDisposeScope();
            var (states, risen) = Settle(Betas[b]);
            rise = Math.Max(rise, risen);
            if (!associates) states = Settle(0).States;

            var weights = Associations.association(states, patterns, Beta(Betas[b]));
            var mixed = special.entr(weights).sum(1).exp();
            effective[b] = mixed.mean().item<double>();
            metastable[b] = mixed.ge(2).logical_and(mixed.le(n / 2.0)).to(ScalarType.Float64).mean().item<double>();
            own[b] = (weights * sameClass).sum(1).mean().item<double>();
        }

        return new()
        {
            Retrieved = Share(Associations.retrieve(halves, patterns, Beta(Sharp))),
            RetrievedFlat = Share(Associations.retrieve(halves, patterns, 1e-12)),
            FromMean = Largest(Associations.retrieve(halves, patterns, 1e-12), patterns.mean([0], keepdim: true)),
            FromNearest = Largest(Associations.retrieve(halves, patterns, 1e6), nearest),
            FromAttention = Largest(Associations.retrieve(halves, patterns, 1 / Math.Sqrt(width)), attention),
            EnergyRise = rise,
            Effective = effective,
            Metastable = metastable,
            OwnClass = own,
            OwnClassShare = sameClass.mean().item<double>(),
            Stored = n,
        };
    }
}
