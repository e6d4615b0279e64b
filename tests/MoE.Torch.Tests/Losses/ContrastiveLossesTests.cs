using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Losses;

public sealed class ContrastiveLossesTests
{
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(2, 0.5)]
    [InlineData(7, 0.1)]
    [InlineData(7, 3)]
    public void Orthogonal_rows_with_equal_views_have_the_closed_form(int rows, double temperature)
    {
        using var scope = NewDisposeScope();
        // Cosine 1 with the own view, 0 with the others: -log(e^(1/tau) / (e^(1/tau) + rows - 1)), whatever the lengths.
        var g = eye(rows, dtype: ScalarType.Float64) * 3;
        double expected = Math.Log(Math.Exp(1 / temperature) + rows - 1) - 1 / temperature;
        Assert.Equal(expected, ContrastiveLosses.info_nce(g, g * 0.2, temperature).item<double>(), 12);
    }

    [Fact]
    public void Equal_rows_are_chance_and_a_views_own_row_is_no_negative()
    {
        using var scope = NewDisposeScope();
        var same = ones(5, 3, dtype: ScalarType.Float64);
        Assert.Equal(Math.Log(5), ContrastiveLosses.info_nce(same, same).item<double>(), 12);
        // One row: there is nothing to be apart from, whatever the view.
        Assert.Equal(0, ContrastiveLosses.info_nce(randn(1, 3), randn(1, 3)).item<float>(), 1e-6f);
    }

    [Fact]
    public void It_is_the_formula_and_not_symmetric_in_rows_and_views()
    {
        using var scope = NewDisposeScope();
        const double Tau = 0.7;
        var (g, h) = (randn(6, 4, dtype: ScalarType.Float64), randn(6, 4, dtype: ScalarType.Float64));
        double Cos(Tensor a, Tensor b) => ((a * b).sum() / (a.square().sum().sqrt() * b.square().sum().sqrt())).item<double>();
        double sum = 0;
        for (int u = 0; u < 6; u++)
        {
            double own = Math.Exp(Cos(g[u], h[u]) / Tau);
            sum -= Math.Log(own / (own + Enumerable.Range(0, 6).Where(v => v != u).Sum(v => Math.Exp(Cos(g[u], g[v]) / Tau)))) / 6;
        }

        Assert.Equal(sum, ContrastiveLosses.info_nce(g, h, Tau).item<double>(), 10);
        Assert.NotEqual(sum, ContrastiveLosses.info_nce(h, g, Tau).item<double>(), 5);
    }

    [Fact]
    public void Rows_of_zeros_give_a_finite_loss_and_gradient()
    {
        using var scope = NewDisposeScope();
        var g = zeros(3, 2).requires_grad_();
        ContrastiveLosses.info_nce(g, ones(3, 2)).backward();
        Assert.True(g.grad!.isfinite().all().item<bool>());
    }
}
