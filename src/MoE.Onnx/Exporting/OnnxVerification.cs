using System.Globalization;
using System.Text;

namespace MoE.Onnx;

/// <summary>What a comparison of two engines on random and adversarial inputs gave.</summary>
public sealed record OnnxVerification
{
    /// <summary>The engine that was taken at its word.</summary>
    public required string Expected { get; init; }

    /// <summary>The engine that was held against it.</summary>
    public required string Actual { get; init; }

    /// <summary>What was tolerated.</summary>
    public required OnnxTolerance Tolerance { get; init; }

    /// <summary>The batches.</summary>
    public required IReadOnlyList<OnnxVerifiedBatch> Batches { get; init; }

    /// <summary>|y' - y| / |y| over a random batch, y' with the weights as the form holds them and y with the weights as they are; null for forms that hold them as they are.</summary>
    public double? QuantizationError { get; init; }

    /// <summary>True if every batch passed.</summary>
    public bool Passed => Batches.All(static b => b.Passed);

    /// <summary>T over all batches.</summary>
    public int Tokens => Batches.Sum(static b => b.Tokens);

    /// <summary>Tokens that went to other experts, over all batches.</summary>
    public int Differently => Batches.Sum(static b => b.Differently.Count);

    /// <summary>The largest difference of an output, over all batches.</summary>
    public double MaxDifference => Batches.Max(static b => b.MaxDifference);

    /// <summary>The largest difference of an output as a fraction of what is tolerated for it, over all batches.</summary>
    public double OfTolerance => Batches.Max(static b => b.OfTolerance);

    /// <summary>A line per batch, the tokens that went elsewhere, and a sum.</summary>
    /// <param name="most">At most so many tokens are listed per batch.</param>
    public string ToText(int most = 5)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(most);
        var text = new StringBuilder();
        foreach (var batch in Batches)
        {
            string weights = batch.MaxWeightDifference is { } w ? $", of a weight {Number(w)}" : "";
            string elsewhere = (batch.MaxWeightDifference is null ? "routing not reported" : $"{batch.Differently.Count} to other experts, {batch.ClearlyDifferently} clearly") + (batch.Undecided > 0 ? $", {batch.Undecided} undecided" : "");
            Line(text, $"{(batch.Passed ? "passed" : "FAILED")}  {batch.Name}: {batch.Tokens} tokens, {elsewhere}; largest difference {Number(batch.MaxDifference)} ({Number(100 * batch.OfTolerance)} % of tolerance){weights}");
            foreach (var change in batch.Differently.Take(most))
                Line(text, $"        token {change.Token}: {string.Join(' ', change.Before)} -> {string.Join(' ', change.After)}, margin {Number(change.MarginBefore ?? double.NaN)}");
            if (batch.Differently.Count > most) Line(text, $"        and {batch.Differently.Count - most} more");
        }

        if (QuantizationError is { } error) Line(text, $"weights as held against weights as they are: relative error {Number(error)}");
        Line(text, $"{Actual} against {Expected}: {(Passed ? "equal within tolerance" : "NOT EQUAL")} on {Tokens} tokens in {Batches.Count} batches");
        return text.ToString();
    }

    private static string Number(double value) => value.ToString("0.##e0", CultureInfo.InvariantCulture) is var s && value is not 0 && (Math.Abs(value) < 0.01 || Math.Abs(value) >= 1000) ? s : value.ToString("0.###", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
