namespace MoE.Samples.Frame;

/// <summary>Differences as text: one decimal, always with a sign.</summary>
public static class Signed
{
    /// <summary>A difference; what rounds to zero is +0.0.</summary>
    public static string Text(double value) => (Math.Round(value, 1) + 0.0).ToString("+0.0;-0.0;+0.0");

    /// <summary>A mean difference with its 95 % interval, or the mean alone where there is no interval.</summary>
    public static string Text(Interval interval) =>
        double.IsNaN(interval.Low) ? Text(interval.Mean) : $"{Text(interval.Mean)} [{Text(interval.Low)}, {Text(interval.High)}]";
}
