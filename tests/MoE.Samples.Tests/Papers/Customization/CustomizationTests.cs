using MoE.Samples.Data;
using MoE.Samples.Data.Sets;
using MoE.Samples.Digits;
using MoE.Samples.Papers.Customization;
using TorchSharp;

namespace MoE.Samples.Tests.Papers.Customization;

public sealed class CustomizationTests
{
    private static readonly Recipe Tiny = new(2, 2, 15, 10, 600, 200, 4);
    private static readonly Characters Digits = Characters.Shifted(DigitImages.Load(new DataFolders("nowhere")));

    [Fact]
    public void A_LeNet_has_the_published_number_of_parameters_and_a_user_a_fortieth()
    {
        Assert.Equal(61_706, new Budget(10).Global);
        Assert.Equal(64_851, new Budget(47).Global);
        foreach (int classes in new[] { 10, 47, 62 })
        {
            using var net = new LeNet(classes);
            Assert.Equal(new Budget(classes).Global, net.parameters().Sum(static p => p.numel()));
            using var personal = new PersonalModel(classes);
            Assert.InRange(personal.Parameters, 0.02 * new Budget(classes).Global, 0.025 * new Budget(classes).Global);
        }
    }

    [Fact]
    public void No_writer_is_two_of_user_teacher_and_tester()
    {
        var split = WriterSplit.Draw(Digits, 10, 10, int.MaxValue, int.MaxValue, 5);
        var teachers = split.Training.Select(static r => Digits.Writers[r]).ToHashSet();
        var testers = split.Testing.Select(static r => Digits.Writers[r]).ToHashSet();
        Assert.Equal(10, split.Users.Length);
        Assert.Equal(10, testers.Count);
        Assert.Empty(teachers.Intersect(testers));
        Assert.Empty(split.Users.Intersect(teachers.Concat(testers)));
        Assert.Equal(Digits.Count, split.Training.Length + split.Testing.Length + Digits.Writers.Count(split.Users.Contains));
    }

    [Fact]
    public void Halves_of_a_user_share_nothing_and_every_class_is_halved()
    {
        var (training, testing) = WriterSplit.Halves(Digits, Digits.Users[0], 3);
        Assert.Empty(training.Intersect(testing));
        Assert.All(training.Concat(testing), static r => Assert.Equal(Digits.Users[0], Digits.Writers[r]));
        for (int c = 0; c < Digits.Classes; c++) Assert.InRange(training.Count(r => Digits.Labels[r] == c) - testing.Count(r => Digits.Labels[r] == c), -1, 1);
    }

    [Fact]
    public void A_local_expert_begins_as_no_correction()
    {
        using var expert = new LocalExpert(5, 10);
        using var zero = expert.call(torch.rand(4, LeNet.Features));
        Assert.Equal(0, zero.abs().max().item<float>());
    }

    [Fact]
    public void Unipen_files_that_do_not_fit_are_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in UnipenCharacters.Set.Files) File.WriteAllText(folder.File("unipen-chars", file.Name), "junk");
        Assert.Contains("labels.idx1-ubyte.gz", Assert.Throws<InvalidDataException>(() => Characters.Load(new DataFolders(folder.Path))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new CustomizationSample(Tiny, Digits));
        foreach (string exact in new[] { "parameters", "multiply-adds", "global-frozen", "oracle" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        Assert.Contains("no real handwriting", whole.GetProperty("numbers").GetProperty("data").GetString(), StringComparison.Ordinal);
        Assert.NotEqual(0, PaperRun.Measured(whole, "user-gain"));
        Assert.Equal(0, PaperRun.Measured(PaperRun.Of(new CustomizationSample(Tiny, Digits), "--ablate", "local-expert"), "user-gain"));
        var open = PaperRun.Of(new CustomizationSample(Tiny, Digits), "--ablate", "gate");
        Assert.Equal(PaperRun.Measured(open, "always-local"), PaperRun.Measured(open, "generic-fall"), 9);
    }
}
