using MoE.Samples.Data;
using MoE.Samples.Data.Sets;
using MoE.Samples.Digits;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Customization;

/// <summary>Characters of 28x28 pixels with the hand that wrote each.</summary>
/// <param name="Source">What they are, in words.</param>
/// <param name="Pixels">[images, 784], 0 (paper) to 1 (ink).</param>
/// <param name="Labels">[images].</param>
/// <param name="Writers">[images].</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Users">Writers with enough characters of enough classes to be users.</param>
public sealed record Characters(string Source, float[] Pixels, long[] Labels, int[] Writers, int Classes, IReadOnlyList<int> Users)
{
    /// <summary>Pixels per side, and per image.</summary>
    public const int Side = 28, Size = Side * Side;

    private const int LeastCharacters = 300, LeastClasses = 50;

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Real handwriting by writer if it is in the data folder; otherwise the digits that are built in, each user's shifted in a way of its own.</summary>
    public static Characters Load(DataFolders folders)
    {
        bool there = UnipenCharacters.Set.Files.All(f => folders.Find(UnipenCharacters.Set.Name, f.Name) is not null);
        return there ? Of(UnipenCharacters.Load(folders)) : Shifted(DigitImages.Load(folders));
    }

    /// <summary>Real handwriting.</summary>
    public static Characters Of(UnipenCharacters unipen)
    {
        int[] writers = [.. unipen.Writers.Select(static w => (int)w)];
        var users = Enumerable.Range(0, unipen.Count).GroupBy(i => writers[i])
            .Where(g => g.Count() >= LeastCharacters && g.Select(i => unipen.Labels[i]).Distinct().Count() >= LeastClasses).Select(static g => g.Key).Order().ToList();
        return new("UNIPEN characters by writer", [.. unipen.Pixels.Select(static p => p / 255f)], [.. unipen.Labels.Select(static l => (long)l)], writers, UnipenCharacters.Classes, users);
    }

    /// <summary>
    /// Digits of 8x8 pixels, enlarged. Writers are made up: every digit gets one of 45 at random; the first 15 shear, turn and move what they write, each in its own way, the others write as they did.
    /// </summary>
    public static Characters Shifted(DigitImages digits)
    {
        const int Hands = 45, UserHands = 15;
        var draws = new Draws(1, 45);
        float[] pixels = new float[digits.Count * Size];
        int[] writers = new int[digits.Count];
        var styles = Enumerable.Range(0, Hands).Select(h => h < UserHands ? Style.Draw(draws) : Style.None).ToArray();
        for (int i = 0; i < digits.Count; i++)
        {
            writers[i] = draws.Below(Hands);
            styles[writers[i]].Enlarge(digits.Pixels.AsSpan(i * DigitImages.Size, DigitImages.Size), pixels.AsSpan(i * Size, Size));
        }

        return new("embedded digits, shifted per made-up user: no real handwriting by user", pixels, [.. digits.Labels.Select(static l => (long)l)], writers, DigitImages.Classes, [.. Enumerable.Range(0, UserHands)]);
    }
}
