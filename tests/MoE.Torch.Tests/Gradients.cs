using static TorchSharp.torch;

namespace MoE.Torch.Tests;

/// <summary>Gradients against central differences in double precision.</summary>
internal static class Gradients
{
    private const double Step = 1e-6;

    /// <summary>Checks d f / d x for every element of every input.</summary>
    public static void Check(Func<Tensor> f, params Tensor[] inputs)
    {
        foreach (var x in inputs)
        {
            Assert.Equal(ScalarType.Float64, x.dtype);
            x.requires_grad_();
            x.grad?.zero_();
        }

        f().backward();
        using var guard = no_grad();
        for (int n = 0; n < inputs.Length; n++)
        {
            if (inputs[n].numel() == 0) continue;
            double[] analytic = inputs[n].grad is { } g ? g.contiguous().data<double>().ToArray() : new double[inputs[n].numel()];
            var flat = inputs[n].detach().view(-1);
            for (int i = 0; i < analytic.Length; i++)
            {
                double value = flat[i].item<double>();
                double Probe(double at)
                {
                    flat[i].fill_(at);
                    return f().item<double>();
                }

                double numeric = (Probe(value + Step) - Probe(value - Step)) / (2 * Step);
                flat[i].fill_(value);
                // Central differences with step 1e-6 in double are good to about 1e-9 of the second derivative's scale.
                Assert.True(Math.Abs(analytic[i] - numeric) <= 1e-6 + 1e-5 * Math.Abs(numeric), $"input {n}, element {i}: analytic {analytic[i]}, numeric {numeric}");
            }
        }
    }

    public static void Check(Func<Tensor, Tensor> f, Tensor x) => Check(() => f(x), x);
}
