using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.Temperature;

/// <summary>The page of this paper.</summary>
internal static class TemperaturePage
{
    /// <summary>Makes it.</summary>
    public static string Of(RunResult result, IReadOnlyList<string> names, IReadOnlyList<TemperatureSample.Study> studies)
    {
        double[] sizes = studies[0].Sizes;
        ScalingChart.Curve Curve(int gate, Func<GateCase.Errors, double[]> error) => new(names[gate], [.. Enumerable.Range(0, sizes.Length).Select(n => studies.Average(s => error(s.Errors[gate])[n]))]);
        string Slope(int gate, Func<GateCase.Errors, double[]> error) => Text(Interval.Over([.. studies.Select(s => s.Slope(gate, error))]));
        return PaperPage.Of(result, "Two linear Gaussian experts behind a softmax gate whose temperature is learned. Slope, bias and temperature of the standard gate can be scaled together without any change of the density: " +
            "their error stays whatever the sample, while experts and gate as functions are learned at the usual rate. An activation that is not homogeneous ends that.",
        [
            ("Errors over sample size",
            [
                HtmlPage.Beside(
                    HtmlPage.Figure(ScalingChart.Draw(sizes, [.. Enumerable.Range(0, 5).Select(i => Curve(i, static e => e.Gate))], "sample size", "Error of the gate's parameters"), "Error of slope, bias and temperature."),
                    HtmlPage.Figure(ScalingChart.Draw(sizes, [.. Enumerable.Range(0, 5).Select(i => Curve(i, static e => e.Function))], "sample size", "Error of the gate as a function"), "Error of the gate as a function of the input.")),
                HtmlPage.Table(["gate", "exponent: gate", "experts", "function", "error of the gate at the largest sample"], Enumerable.Range(0, names.Count).Select(i => (IReadOnlyList<string>)
                [
                    names[i], Slope(i, static e => e.Gate), Slope(i, static e => e.Experts), Slope(i, static e => e.Function), $"{studies.Average(s => s.Errors[i].Gate[^1]):0.0000}",
                ])),
            ]),
        ]);
    }

    private static string Text(Interval interval) => double.IsNaN(interval.Low) ? $"{interval.Mean:0.000}" : $"{interval.Mean:0.000} [{interval.Low:0.000}, {interval.High:0.000}]";
}
