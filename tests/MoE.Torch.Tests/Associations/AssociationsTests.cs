using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Associations;

using Associations = MoE.Torch.Associations;

public sealed class AssociationsTests
{
    private static Tensor Unit(int n, ulong seed, int width = 16) => nn.functional.normalize(tensor(Specs.Random(n * width, seed), n, width));

    [Fact]
    public void One_step_is_attention_with_the_same_scale()
    {
        using var scope = NewDisposeScope();
        var (q, k) = (Unit(5, 1), Unit(7, 2));
        double beta = 1 / Math.Sqrt(16);
        var attention = nn.functional.scaled_dot_product_attention(q.unsqueeze(0), k.unsqueeze(0), k.unsqueeze(0)).squeeze(0);
        Assert.True(allclose(attention, Associations.retrieve(q, k, beta), 1e-5, 1e-6));
    }

    [Fact]
    public void Small_beta_gives_the_mean_and_large_beta_the_nearest_pattern()
    {
        using var scope = NewDisposeScope();
        var (q, k) = (Unit(5, 1), Unit(7, 2));
        Assert.True(allclose(k.mean([0L], keepdim: true).expand(5, 16), Associations.retrieve(q, k, 0), 1e-5, 1e-6));
        Assert.True(allclose(k.index_select(0, q.matmul(k.t()).argmax(-1)), Associations.retrieve(q, k, 1e4), 1e-4, 1e-4));
    }

    [Fact]
    public void The_energy_never_rises()
    {
        using var scope = NewDisposeScope();
        var k = Unit(9, 3);
        foreach (double beta in new[] { 0.1, 1, 4, 20 })
        {
            var x = Unit(6, 4);
            var before = Associations.energy(x, k, beta);
            for (int i = 0; i < 10; i++)
            {
                x = Associations.retrieve(x, k, beta);
                var after = Associations.energy(x, k, beta);
                // Rounding of single precision at values near one.
                Assert.True((after - before).max().item<float>() <= 2e-6);
                before = after;
            }
        }
    }

    [Fact]
    public void A_masked_pattern_is_retrieved_in_one_step()
    {
        using var scope = NewDisposeScope();
        var stored = Unit(20, 5, 64);
        var half = stored.clone();
        half.narrow(1, 0, 32).zero_();
        var found = Associations.retrieve(half, stored, 40);
        Assert.Equal(HostReads.Int64(arange(20)), HostReads.Int64(found.matmul(stored.t()).argmax(-1)));
    }

    [Fact]
    public void Pooling_a_set_does_not_depend_on_its_order()
    {
        using var scope = NewDisposeScope();
        var pool = new AssociativePooling(16, 4);
        var rows = Unit(6, 6);
        Assert.True(allclose(pool.call(rows), pool.call(rows.flip(0)), 1e-5, 1e-6));
        Assert.Equal([1, 4], pool.call(rows).shape);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var q = tensor(Specs.Random(6, 1), 2, 3).to(ScalarType.Float64);
        var k = tensor(Specs.Random(12, 2), 4, 3).to(ScalarType.Float64);
        Gradients.Check(() => Associations.retrieve(q, k, 0.7, steps: 2).square().sum(), q, k);
        Gradients.Check(() => Associations.energy(q, k, 0.7).sum(), q, k);
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>("stored", () => Associations.retrieve(zeros(1, 2), zeros(0, 2), 1));
        Assert.Throws<ArgumentException>("states", () => Associations.retrieve(zeros(1, 3), zeros(1, 2), 1));
        Assert.Throws<ArgumentOutOfRangeException>("beta", () => Associations.retrieve(zeros(1, 2), zeros(1, 2), double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>("beta", () => Associations.energy(zeros(1, 2), zeros(1, 2), 0));
    }
}
