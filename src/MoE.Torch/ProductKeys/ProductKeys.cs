using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Product keys (Lample et al. 2019): the best k of n^p sums of one score from each of p lists, found without forming all of them.</summary>
public static class ProductKeySearch
{
    /// <summary>Finds the best sums.</summary>
    /// <param name="lists">p tensors [..., n] of scores.</param>
    /// <param name="k">How many sums, 1..m^p for m kept per list.</param>
    /// <param name="perList">How many of each list take part, 1..n; null: k, or n if that is less. With k or more the answer is exact.</param>
    /// <param name="firstLeast">The first list's index is the least significant digit (PEER-pytorch's <c>PK</c>); otherwise the most significant (PEER, Doge).</param>
    /// <returns>The sums and their indices in 0..n^p - 1, best first, [..., k]; and all candidates, best of each list first, [..., m^p].</returns>
    /// <exception cref="ArgumentException">There is no list, the shapes differ, or a number is out of range.</exception>
    public static ProductKeyMatches best(IReadOnlyList<Tensor> lists, int k, int? perList = null, bool firstLeast = false)
    {
        ArgumentNullException.ThrowIfNull(lists);
        if (lists.Count == 0) throw new ArgumentException("lists is empty; must hold one", nameof(lists));
        long n = lists[0].shape[^1];
        if (lists.Any(l => !l.shape.AsSpan().SequenceEqual(lists[0].shape))) throw new ArgumentException("lists have different shapes", nameof(lists));
        int kept = perList ?? (int)Math.Min(k, n);
        if (kept < 1 || kept > n) throw new ArgumentOutOfRangeException(nameof(perList), kept, $"must be in 1..{n}");
        double candidates = Math.Pow(kept, lists.Count);
        if (k < 1 || k > candidates) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 1..{candidates}");
        if (Math.Pow(n, lists.Count) > long.MaxValue) throw new ArgumentException($"{n} keys in {lists.Count} lists have too many products", nameof(lists));
        using var scope = NewDisposeScope();
        Tensor? scores = null, indices = null;
        long place = 1;
        foreach (var list in firstLeast ? lists : lists.Reverse())
        {
            var (values, at) = Selection.TopK(list, kept, TieRule.LowestIndex);
            var digits = at.mul(place);
            place *= n;
            if (scores is null) (scores, indices) = (values, digits);
            // Candidates in the order of the lists, whichever digit is the least.
            else if (firstLeast) (scores, indices) = (scores.unsqueeze(-1).add(values.unsqueeze(-2)).flatten(-2), indices!.unsqueeze(-1).add(digits.unsqueeze(-2)).flatten(-2));
            else (scores, indices) = (values.unsqueeze(-1).add(scores.unsqueeze(-2)).flatten(-2), digits.unsqueeze(-1).add(indices!.unsqueeze(-2)).flatten(-2));
        }

        var (top, where) = Selection.TopK(scores!, k, TieRule.LowestIndex);
        return new ProductKeyMatches(top.MoveToOuterDisposeScope(), indices!.gather(-1, where).MoveToOuterDisposeScope(), scores!.alias().MoveToOuterDisposeScope(), indices.alias().MoveToOuterDisposeScope());
    }
}

/// <summary>What <see cref="ProductKeySearch.best"/> finds.</summary>
/// <param name="Scores">The best sums, [..., k].</param>
/// <param name="Indices">Their indices, [..., k] int64.</param>
/// <param name="AllScores">All candidates, [..., m^p].</param>
/// <param name="AllIndices">Their indices, [..., m^p] int64.</param>
public sealed record ProductKeyMatches(Tensor Scores, Tensor Indices, Tensor AllScores, Tensor AllIndices);
