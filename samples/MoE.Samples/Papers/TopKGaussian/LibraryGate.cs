using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>The library's router on the gate of this paper.</summary>
public static class LibraryGate
{
    /// <summary>
    /// The router: top-K, then softmax over the kept. Selection by the logit without its bias is a selection bias of minus that bias, which the choice sees and the weights do not.
    /// </summary>
    public static RouterSpec Spec(int experts, SparseGate gate) => RouterProfiles.MistralInference(experts, gate.Kept) with { Select = new TopKSelection { K = gate.Kept, UsesBias = !gate.SelectsWithBias } };

    /// <summary>The largest difference of any share between the gate here and the library's, over random gates and inputs.</summary>
    /// <param name="seed">Draws gates and inputs.</param>
    /// <param name="gates">How many gates, each on 64 inputs, with both rules of selection.</param>
    public static double LargestDifference(long seed, int gates = 50)
    {
        const int Inputs = 64;
        var draws = new Draws(seed, 77);
        double largest = 0;
        for (int g = 0; g < gates; g++)
        {
            int experts = 2 + draws.Below(SparseGate.MostExperts - 1);
            var gate = new SparseGate(1 + draws.Below(experts), g % 2 == 0);
            // Whole and half numbers are exact in single precision, so both engines rank the same logits.
            double[] slopes = [.. Enumerable.Range(0, experts).Select(_ => Math.Round(8 * draws.Normal()) / 2)], biases = [.. slopes.Select(_ => Math.Round(8 * draws.Normal()) / 2)];
            var measure = new MixingMeasure(slopes, biases, new double[experts], new double[experts], new double[experts]);
            double[] xs = [.. Enumerable.Range(0, Inputs).Select(_ => Math.Round(64 * draws.Normal()) / 64)];
            float[] logits = [.. xs.SelectMany(x => slopes.Zip(biases, (s, b) => (float)(s * x + b)))];
            float[] bias = [.. biases.Select(static b => (float)-b)];
            var routing = ReferenceRouter.Route(logits, Spec(experts, gate), new RouteOptions { SelectionBias = gate.SelectsWithBias ? default : bias });
            double[] shares = new double[experts];
            for (int t = 0; t < Inputs; t++)
            {
                gate.Shares(measure, xs[t], shares);
                for (int c = 0; c < gate.Kept; c++)
                {
                    int route = t * gate.Kept + c;
                    largest = Math.Max(largest, Math.Abs(shares[routing.ExpertIds[route]] - routing.Weights[route]));
                }
            }
        }

        return largest;
    }
}
