using CsCheck;

namespace MoE.Tests.Specs;

/// <summary>Damaged specs give a spec or a typed refusal, never anything else.</summary>
public sealed class SpecJsonFuzzTests
{
    private static readonly string[] s_texts =
    [
        RouterProfiles.DeepSeekV3(16, 4, 4, 2, 2.5).ToJson(),
        RouterProfiles.GShardTop2(8).ToJson(),
        LayerProfiles.GptOss(8, 8, 4).ToJson(),
        LayerProfiles.Qwen2Moe(8, 4, 16, 6, 2).ToJson(),
    ];

    [Fact]
    public void Every_truncation_is_refused()
    {
        foreach (string text in s_texts)
        {
            for (int length = 0; length < text.TrimEnd().Length; length++)
            {
                string cut = text[..length];
                Assert.Throws<InvalidDataException>(() => RouterSpec.FromJson(cut));
                Assert.Throws<InvalidDataException>(() => MoELayerSpec.FromJson(cut));
            }
        }
    }

    [Fact]
    public void Any_changed_characters_give_a_spec_or_a_typed_refusal() =>
        Gen.Select(Gen.Int[0, s_texts.Length - 1], Gen.Select(Gen.Int[0, 5000], Gen.Char, static (at, c) => (at, c)).Array[1, 4]).Sample(static (text, changes) =>
        {
            var damaged = s_texts[text].ToCharArray();
            foreach (var (at, c) in changes) damaged[at % damaged.Length] = c;
            Read(new string(damaged));
        }, iter: 3000);

    [Fact]
    public void Any_flipped_bits_give_a_spec_or_a_typed_refusal() =>
        Gen.Select(Gen.Int[0, s_texts.Length - 1], Gen.Select(Gen.Int[0, 5000], Gen.Int[0, 6]).Array[1, 3]).Sample(static (text, flips) =>
        {
            var damaged = s_texts[text].ToCharArray();
            foreach (var (at, bit) in flips) damaged[at % damaged.Length] ^= (char)(1 << bit);
            Read(new string(damaged));
        }, iter: 3000);

    [Fact]
    public void Any_moved_piece_gives_a_spec_or_a_typed_refusal() =>
        Gen.Select(Gen.Int[0, s_texts.Length - 1], Gen.Int[0, 2000], Gen.Int[0, 2000], Gen.Int[1, 60]).Sample(static (text, from, to, length) =>
        {
            string source = s_texts[text];
            from %= source.Length;
            to %= source.Length;
            Read(source.Insert(to, source.Substring(from, Math.Min(length, source.Length - from))));
        }, iter: 3000);

    private static void Read(string json)
    {
        Try(() => RouterSpec.FromJson(json).ToJson());
        Try(() => MoELayerSpec.FromJson(json).ToJson());
    }

    private static void Try(Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is InvalidDataException or SpecException)
        {
        }
    }
}
