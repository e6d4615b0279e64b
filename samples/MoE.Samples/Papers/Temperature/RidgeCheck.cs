using MoE.Samples.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Temperature;

/// <summary>Identities of the likelihood, on a sample of 500.</summary>
public static class RidgeCheck
{
    private const double Factor = 1.3;

    /// <summary>How much the mean log-likelihood changes when slope, bias and temperature are scaled together.</summary>
    public static double Change(GateCase of, long seed)
    {
        var likelihood = new Likelihood(Sample(of, seed), of.Activation);
        likelihood.Read(of.Truth);
        double before = likelihood.Value;
        likelihood.Read(of.Truth.Scaled(Factor));
        return Math.Abs(likelihood.Value - before);
    }

    /// <summary>The largest difference of the gradient from central differences of fourth order.</summary>
    public static double GradientError(GateCase of, long seed)
    {
        var likelihood = new Likelihood(Sample(of, seed), of.Activation);
        double[] at = [.. of.Truth.Scaled(Factor).Values.Select(static (v, i) => v + 0.01 * (i % 3))];
        likelihood.Read(new(at));
        double[] gradient = [.. likelihood.Gradient];
        double Value(int p, double step)
        {
            double[] moved = [.. at];
            moved[p] += step;
            likelihood.Read(new(moved));
            return likelihood.Value;
        }

        const double H = 1e-4;
        return Enumerable.Range(0, Parameters.Count).Max(p => Math.Abs(gradient[p] - (8 * (Value(p, H) - Value(p, -H)) - (Value(p, 2 * H) - Value(p, -2 * H))) / (12 * H)));
    }

    /// <summary>The largest difference of the first expert's share from the library's gate, in double precision.</summary>
    public static double LibraryDifference(GateCase of)
    {
        using var scope = NewDisposeScope();
        using var gate = new MoE.Torch.DenseToSparseGate(2, 1, new Shifted(of), learned: true, dtype: ScalarType.Float64) { Threshold = new ConstantSchedule { Constant = 0 } };
        gate.eval();
        using (no_grad())
        {
            var state = gate.state_dict();
            state["weight"].copy_(tensor(new[] { of.Truth.Slope, 0 }).reshape(2, 1));
            state["log_temperature"].fill_(of.Truth.Values[2]);
            double[] x = [.. Enumerable.Range(0, 101).Select(static i => -1 + 0.02 * i)];
            var routing = gate.forward(tensor(x).reshape(-1, 1), MoE.Torch.GateContext.Empty);
            double[] shares = routing.ToDenseWeights()[TensorIndex.Colon, 0].data<double>().ToArray();
            return x.Zip(shares).Max(p => Math.Abs(p.Second - GateActivation.Logistic(of.Truth.Logit(of.Activation, p.First))));
        }
    }

    private static Pairs Sample(GateCase of, long seed) => Pairs.Draw(of.Truth, of.Activation, 500, new Draws(seed, 31));

    // phi of both logits, then the bias of the first.
    private sealed class Shifted : nn.Module<Tensor, Tensor>
    {
        private readonly GateCase _of;
        private readonly Tensor bias;

        public Shifted(GateCase of)
            : base(nameof(Shifted))
        {
            _of = of;
            bias = tensor(new[] { of.Truth.Bias, 0 });
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var inner = NewDisposeScope();
            return (_of.Activation.OnTensors(input) + bias).MoveToOuterDisposeScope();
        }
    }
}
