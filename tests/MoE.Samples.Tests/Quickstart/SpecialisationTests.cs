using MoE.Samples.Digits;
using MoE.Samples.Papers.Quickstart;

namespace MoE.Samples.Tests.Quickstart;

public sealed class SpecialisationTests
{
    [Fact]
    public void Two_experts_that_split_two_digits_tell_one_bit()
    {
        var took = new Specialisation(Route(2, 0, 0, 1, 1), Images(3, 3, 8, 8));
        Assert.Equal(1, took.MutualInformation, 12);
        Assert.Equal(1, took.Balance, 12);
        Assert.Equal(1, took.Share(0, 3));
        Assert.Equal(0, took.Share(0, 8));
        Assert.Equal(0, took.Share(0, 5));
    }

    [Fact]
    public void Ten_experts_that_split_ten_digits_tell_all() =>
        Assert.Equal(Math.Log2(10), new Specialisation(Route(10, [.. Enumerable.Range(0, 10)]), Images([.. Enumerable.Range(0, 10)])).MutualInformation, 12);

    [Fact]
    public void Experts_that_split_every_digit_evenly_tell_nothing() =>
        Assert.Equal(0, new Specialisation(Route(2, 0, 1, 0, 1), Images(3, 3, 8, 8)).MutualInformation, 12);

    [Fact]
    public void One_expert_for_all_tells_nothing_and_is_as_unbalanced_as_can_be()
    {
        var took = new Specialisation(Route(4, 2, 2, 2, 2), Images(0, 1, 2, 3));
        Assert.Equal(0, took.MutualInformation, 12);
        Assert.Equal(4, took.Balance, 12);
        Assert.Equal([0L, 0, 4, 0], Enumerable.Range(0, 4).Select(took.Load));
    }

    [Fact]
    public void Mean_images_are_those_of_first_choices()
    {
        var routing = new TopKRouting(2, 3, 2, [0, 1, 1, 0], [0.6f, 0.4f, 0.7f, 0.3f]);
        var took = new Specialisation(routing, Images(3, 8));
        Assert.Equal(0.3f, took.MeanImages[0]);
        Assert.Equal(0.8f, took.MeanImages[64]);
        Assert.Equal(0f, took.MeanImages[128]);
        Assert.Equal(2, took.Load(0));
    }

    private static TopKRouting Route(int experts, params int[] ids) => new(ids.Length, experts, 1, ids, [.. ids.Select(static _ => 1f)]);

    private static DigitImages Images(params int[] labels) => new([.. labels.SelectMany(static l => Enumerable.Repeat(l / 10f, 64))], labels);
}
