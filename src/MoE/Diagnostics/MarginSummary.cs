namespace MoE.Diagnostics;

/// <summary>The distribution of routing margins. Least and mean are exact; percentiles are the lower edge of a bin, below the true value by less than an eighth of it.</summary>
/// <param name="Count">Tokens with a finite margin.</param>
/// <param name="Least">The least margin.</param>
/// <param name="Mean">The mean.</param>
/// <param name="P01">1 % of the tokens have this margin or less.</param>
/// <param name="P10">10 %.</param>
/// <param name="Median">Half.</param>
/// <param name="P90">90 %.</param>
public sealed record MarginSummary(long Count, float Least, double Mean, float P01, float P10, float Median, float P90);
