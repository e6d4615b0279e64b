using System.Text;
using MoE.Samples.Data.Sets;
using MoE.Samples.Papers.RobustQa;

namespace MoE.Samples.Tests.Papers;

public sealed class RobustQaTests
{
    [Fact]
    public void Questions_are_read_with_the_story_so_far()
    {
        var questions = Babi.Read(Stream("1 Mary moved to the bathroom.\n2 John went to the hallway.\n3 Where is Mary? \tbathroom\t1\n4 Mary left.\n5 Where is John?\thallway\t2\n1 Sandra slept.\n2 Who slept?\tSandra\t1\n"));
        Assert.Equal([2, 3, 1], questions.Select(static q => q.Story.Count));
        Assert.Equal(["where", "is", "mary"], questions[0].Question);
        Assert.Equal(["bathroom", "hallway", "sandra"], questions.Select(static q => q.Answer));
        Assert.Throws<InvalidDataException>(() => Babi.Read(Stream("no number\n")));
        Assert.Throws<InvalidDataException>(() => Babi.Read(Stream("")));
    }

    [Fact]
    public void A_span_is_the_last_place_of_the_answer_in_the_story_and_never_the_question()
    {
        var question = new BabiQuestion([["mary", "went", "home"], ["john", "left", "home"]], ["is", "home", "far"], "home");
        using var set = SpanSet.Of([(question, 1), (question with { Answer = "far" }, 1), (question with { Answer = "yes" }, 1)], new() { ["[sep]"] = 1 });
        Assert.Equal(1, set.Count);
        Assert.Equal([9L], set.Places);
        Assert.Equal(SpanSet.Length - 10, set.Words.data<long>().ToArray().Count(static w => w == 0));
    }

    [Fact]
    public void Augmentation_changes_story_and_answer_alike()
    {
        var question = new BabiQuestion([["mary", "went", "to", "the", "garden"]], ["where", "is", "mary"], "garden");
        var copies = Augmentation.Copies(question, 200, new Random(1)).ToList();
        Assert.All(copies, static c => Assert.Equal(c.Answer, c.Story[0][4]));
        Assert.True(copies.Select(static c => c.Answer).Distinct().Count() == 2);
    }

    [Fact]
    public void The_loss_is_its_formula()
    {
        // Double precision, sums of a few hundred terms of order one.
        Assert.InRange(LossIdentities.AtBalance(7), 0, 1e-12);
        Assert.InRange(LossIdentities.AgainstFormula(300, 5, 3), 0, 1e-12);
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_without_the_mixture_nothing_is_ahead()
    {
        var recipe = new RobustQaSample.Recipe(Seeds: 2, Steps: 3, Test: 10);
        var whole = PaperRun.Of(new RobustQaSample(recipe, Questions));
        PaperRun.EverythingMeasured(whole);
        var ablated = PaperRun.Of(new RobustQaSample(recipe, Questions), "--ablate", "mixture");
        Assert.Equal((0.0, 0.0), (PaperRun.Measured(ablated, "head-beats-dense"), PaperRun.Measured(ablated, "switch-beats-dense")));
        Assert.Equal("fails", PaperRun.Verdict(ablated, "balanced"));
    }

    private static BabiQuestion[] Questions(int task, bool train)
    {
        string[] people = ["mary", "john"], places = ["garden", "office", "hallway"];
        return [.. Enumerable.Range(0, 60).Select(i => new BabiQuestion([[people[i % 2], "went", "to", "the", places[i % 3]], [people[(i + 1) % 2], "moved", "to", "the", places[i / 3 % 3]]], ["where", "is", people[i % 2]], places[i % 3]))];
    }

    private static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
}
