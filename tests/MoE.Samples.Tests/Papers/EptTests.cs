using System.Text;
using MoE.Samples.Commands;
using MoE.Samples.Data.Sets;
using MoE.Samples.Language;
using MoE.Samples.Papers.Ept;
using TorchSharp;

namespace MoE.Samples.Tests.Papers;

public sealed class EptTests
{
    private static readonly FrozenModel.Recipe Small = new(Width: 16, Layers: 1, Heads: 2, Steps: 10, Batch: 8);
    private static readonly EptSample.Recipe Tiny = new(2, Small, new(Steps: 4, Batch: 8, Train: 60, Test: 20), TimedSteps: 3);

    [Fact]
    public void Lines_are_a_label_and_a_sentence()
    {
        var rows = LabelledSentences.Read(new MemoryStream([.. "1 a good film\r\n\n0 "u8, 0xe9, .. " bad\n"u8]));
        Assert.Equal([(1, "a good film"), (0, "\u00e9 bad")], rows);
        foreach (string bad in new[] { "good film\n", "12 two digits\n", "1\n", "\n", $"1 {new string('x', 5000)}\n" })
            Assert.Throws<InvalidDataException>(() => LabelledSentences.Read(new MemoryStream(Encoding.UTF8.GetBytes(bad))));
    }

    [Fact]
    public void Nothing_is_learned_from_held_out_sentences_not_even_words()
    {
        var data = Made();
        Assert.All(data.Sources.Concat(data.Targets), static t => Assert.Equal(t.Train.Count, 4 * t.Test.Count));
        // Every fifth sentence of a task ends in a word of its own, which is then unknown; "film" is not.
        Assert.All(data.Targets[0].Test, static s => Assert.Equal(Sentences.Unknown, s.Words[^1]));
        Assert.All(data.Targets[0].Train, static s => Assert.NotEqual(Sentences.Unknown, s.Words[0]));
        // Special tokens lie apart from words: two, names of two sources and of plain text, labels of two and three classes, no and yes.
        int least = data.Targets[0].Train.Min(static s => s.Words.Where(static w => w > 0).Min());
        Assert.Equal(2 + 3 + 5, data.LabelToken(1, 2) + 1);
        Assert.Equal((10, 11), (data.FoundToken(false), data.FoundToken(true)));
        Assert.True(least > data.FoundToken(true));
        Assert.Equal(2, data.TaskToken(0));
    }

    [Fact]
    public void Prompts_have_the_numbers_their_form_says()
    {
        using var scope = torch.NewDisposeScope();
        foreach (var form in new PromptForm[] { new(0), new(7), new(3, Rank: 2), new(3, Rank: 2, Attention: 5), new(3, Rank: 2, Attention: 5, Spaces: 4, SpaceWidth: 3), new(3, Spaces: 4, SpaceWidth: 3, Gated: false), new(3, Spaces: 1, SpaceWidth: 12) })
        {
            using var prompt = new Prompt(form, torch.randn(form.Length, 16), 16);
            Assert.Equal(form.Parameters(16, Sentences.Longest), prompt.Parameters);
            Assert.Equal(prompt.Parameters, prompt.Short.Concat(prompt.LowRank).Sum(static p => p.numel()));
        }
    }

    [Fact]
    public void A_folded_prompt_is_the_sum_of_its_equations_and_starts_as_its_short_part()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        var words = torch.randn(3, 16);
        using var prompt = new Prompt(new(3, Rank: 2, Attention: 5, Spaces: 4, SpaceWidth: 3), words, 16);
        var (front, added) = prompt.fold();
        Assert.True(front!.bytes.SequenceEqual(words.bytes));
        Assert.Equal(0, added!.abs().max().item<float>());
        var state = prompt.state_dict();
        state["b"].copy_(torch.randn(2, 16));
        state["up"].copy_(torch.randn(4, 3, 16));
        (front, added) = prompt.fold();
        var product = state["a"].mm(state["b"]);
        Assert.True(torch.allclose(product * (8 / Math.Sqrt(2)), added!, 1e-5, 1e-6));
        var fused = words + (words.mm(state["query"]).mm(product.mm(state["key"]).t()) / Math.Sqrt(5)).softmax(-1).mm(product);
        var g = prompt.weights();
        Assert.Equal(1, g.sum().item<float>(), 1e-5f);
        var expected = fused;
        for (int i = 0; i < 4; i++) expected = expected + g[i] * fused.mm(state["down"][i]).clamp_min(0).mm(state["up"][i]);
        Assert.True(torch.allclose(expected, front!, 1e-4, 1e-5));
        using var alike = new Prompt(new(3, Spaces: 4, SpaceWidth: 3, Gated: false), words, 16);
        Assert.All(alike.weights().data<float>().ToArray(), static w => Assert.Equal(0.25f, w));
    }

    [Fact]
    public void Tuning_moves_the_prompt_and_leaves_the_model_frozen()
    {
        using var scope = torch.NewDisposeScope();
        var data = Made();
        using var frozen = FrozenModel.Make(data, Small, new LanguageCache(null), static _ => { });
        byte[] before = [.. frozen.Model.state_dict().OrderBy(static s => s.Key, StringComparer.Ordinal).SelectMany(static s => s.Value.bytes.ToArray())];
        var form = new PromptForm(3, Rank: 2, Attention: 2, Spaces: 2, SpaceWidth: 2);
        using var start = PromptTuning.Make(frozen, data.Targets[0], form, 5);
        using var tuned = PromptTuning.Tune(frozen, data.Targets[0], form, new(30, 16, 80, 20), 5, static _ => { });
        Assert.Equal(before, frozen.Model.state_dict().OrderBy(static s => s.Key, StringComparer.Ordinal).SelectMany(static s => s.Value.bytes.ToArray()));
        foreach (var (name, value) in tuned.Prompt.state_dict()) Assert.True((value - start.Prompt.state_dict()[name]).abs().max().item<float>() > 0, name);
        // The first word tells the class: a verbaliser alone can learn it.
        Assert.True(tuned.Accuracy(frozen, data.Targets[0].Train) > start.Accuracy(frozen, data.Targets[0].Train) || start.Accuracy(frozen, data.Targets[0].Train) == 100);
    }

    [Fact]
    public void The_frozen_model_learns_what_stands_behind_a_name()
    {
        // The first word of a sentence tells its class.
        var data = Made();
        using var frozen = FrozenModel.Make(data, Small with { Steps = 150 }, new LanguageCache(null), static _ => { });
        Assert.True(frozen.Accuracy(data, 0) > 90, $"{frozen.Accuracy(data, 0)}");
        Assert.InRange(frozen.Finds(data), 40, 100);
        Assert.All(frozen.Model.parameters(), static p => Assert.False(p.requires_grad));
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new EptSample(Tiny, Made()));
        PaperRun.EverythingMeasured(whole);
        foreach (string exact in new[] { "folded-bits", "start-bits", "budget" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        Assert.True(PaperRun.Measured(whole, "step-time") > 0);
        // Without its parts all three are one short prompt.
        var bare = PaperRun.Of(new EptSample(Tiny, Made()), "--ablate", "reparametrisation");
        Assert.Equal(0, PaperRun.Measured(bare, "gate-counts"));
        Assert.Equal(0, PaperRun.Measured(bare, "spaces-count"));
        Assert.Equal(0, PaperRun.Measured(bare, "ept-accuracy"));
        Assert.Equal("fails", PaperRun.Verdict(bare, "ept-accuracy"));
        PaperRun.EverythingMeasured(PaperRun.Of(new EptSample(Tiny, Made()), "--ablate", "short-prompt"));
    }

    [Fact]
    public void Without_data_it_says_how_to_get_them()
    {
        using var folder = new TemporaryFolder();
        var outcome = Shell.Run([new EptSample()], ["run", "ept", "--data", folder.Path, "--out", folder.Path]);
        Assert.Equal(ExitCode.Ran, outcome.ExitCode);
        Assert.Contains("data get text-classification", string.Concat(outcome.Output.Split('\n').Select(static l => l.TrimEnd() + " ")), StringComparison.Ordinal);
    }

    private static Sentences Made()
    {
        static IReadOnlyList<(int, string)> Rows(int classes, string own) =>
            [.. Enumerable.Range(0, 100).Select(i => (i % 7 % classes, $"{own}{i % 7 % classes} film number {i % 11} {(i % 5 == 4 ? $"only{own}{i}" : "end")}"))];
        return Sentences.Of([("one", Rows(2, "a")), ("two", Rows(3, "b"))], [("three", Rows(2, "c")), ("four", Rows(2, "d"))]);
    }
}
