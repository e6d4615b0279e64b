using MoE.Samples.Data;
using MoE.Samples.Frame;
using MoE.Samples.Language;
using MoE.Samples.Papers.SteloCoder;
using MoE.Samples.Papers.XLora;

namespace MoE.Samples.Tests.Lora;

public sealed class LanguageTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    public void Tokens_are_the_text(int merges)
    {
        string[] texts = ["the cat sat on the mat; the cat() { return 1; }\n\n", "  the end"];
        var tokenizer = Tokenizer.Learn(texts, merges);
        foreach (string text in texts) Assert.Equal(text, string.Concat(tokenizer.Encode(text).Select(tokenizer.Text)));
        Assert.Equal("?" + "a", string.Concat(tokenizer.Encode("Ωa").Select(tokenizer.Text)));
        if (merges == 0) Assert.Equal(texts[0].Length, tokenizer.Encode(texts[0]).Length);
        else Assert.True(tokenizer.Encode(texts[0]).Length < texts[0].Length * 2 / 3);
    }

    [Fact]
    public void The_most_frequent_pair_is_merged_first()
    {
        // Sennrich et al.: "ab" is the most frequent pair, then "abc".
        var tokenizer = Tokenizer.Learn(["abc\nabc\nabd\nabc"], 2);
        Assert.Equal(["abc", "\n", "ab", "d"], tokenizer.Encode("abc\nabd").Select(tokenizer.Text));
    }

    [Fact]
    public void The_delay_is_counted_to_the_first_run_that_leads()
    {
        Assert.Equal(0, XLoraSeedRun.Delayed([0, 0, 1, 1, 1, 1, 1, 1], 1, 2));
        Assert.Equal(2, XLoraSeedRun.Delayed([0, 0, 0, 0, 0, 1, 1, 1, 1], 1, 2));
        Assert.Equal(6, XLoraSeedRun.Delayed([1, 1, 0, 0, 0, 0, 0, 0], 1, 2));
    }

    [Fact]
    public void Starcoder_experts_are_of_the_papers_size() => Assert.Equal(8_888_320, SteloCoderSample.StarCoderExpert());

    [Fact]
    public void Without_data_the_messages_of_the_sdk_serve_and_say_so()
    {
        using var folder = new TemporaryFolder();
        TextCorpus corpus;
        try
        {
            corpus = TextCorpus.Programs(new DataFolders(folder.Path));
        }
        catch (MissingDataException e)
        {
            // An SDK without translations: the message says what to do.
            Assert.Contains("mbxp-code", e.Message, StringComparison.Ordinal);
            return;
        }

        Assert.Contains("mbxp-code is not there", corpus.Origin, StringComparison.Ordinal);
        Assert.Equal(5, corpus.Domains.Count);
        Assert.All(corpus.Domains, static d => Assert.True(d.Train.Sum(static t => t.Length) > 100_000 && d.HeldOut.Sum(static t => t.Length) > 10_000, d.Name));
        Assert.NotEmpty(corpus.General);
        Assert.Contains(" der ", string.Concat(corpus.Domains[0].Train), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_data_file_is_told_by_name()
    {
        using var folder = new TemporaryFolder();
        string code = Path.Combine(folder.Path, "mbxp-code");
        Directory.CreateDirectory(code);
        foreach (string name in new[] { "mbcpp_release_v1.2", "mbphp_release_v1.2", "mbjsp_release_v1.2", "mbcsp_release_v1.2", "mbjp_release_v1.2", "mbpp_release_v1" }) File.WriteAllText(Path.Combine(code, $"{name}.jsonl"), "{\"task_id\": \"X/1\"");
        Assert.Contains("mbpp_release_v1.jsonl", Assert.Throws<InvalidDataException>(() => TextCorpus.Programs(new DataFolders(folder.Path))).Message, StringComparison.Ordinal);
    }
}
