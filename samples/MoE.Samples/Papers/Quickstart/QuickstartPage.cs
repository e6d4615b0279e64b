using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The quickstart as a page.</summary>
public static class QuickstartPage
{
    /// <summary>Makes it.</summary>
    public static string Of(QuickstartSummary summary, RunResult result)
    {
        var (images, same, _, _) = summary.Engines;
        double with = summary.Runs.Average(static r => r.Mixture.Took.Balance), without = summary.Runs.Average(static r => r.Unbalanced.Took.Balance);
        var accuracy = Interval.Over(summary.Models[0].Accuracies);
        string ablated = result.Ablated is null ? "" : $" This run leaves out \"{result.Ablated}\".";
        return new HtmlPage(
            "A mixture of experts reads handwriting",
            $"{summary.Images.Count:N0} real digits of 8x8 pixels, a third held out. {MoEClassifier.Spec.Router.Experts} small expert networks; a router sends each image to its best {MoEClassifier.Spec.Router.TopK}. {summary.Outcome}{ablated}")
            .Tiles(
                ($"{accuracy.Mean:0.0} %", $"accuracy of the mixture on held-out images, mean of {summary.Runs.Count} seeds"),
                (Signed.Text(summary.Lead(summary.Models[1]).Mean), "points against a dense network of equal operations"),
                (Signed.Text(summary.Lead(summary.Models[2]).Mean), "points against a dense network of equal parameters"),
                ($"{with:0.0}x", $"load of the busiest expert over the mean; {without:0.0}x without the load-balancing loss"),
                (same == images ? "100 %" : $"{100.0 * same / images:0.00} %", $"of {images:N0} images go to the same experts in the managed engine"))
            .Section("Accuracy against rivals", Rivals(summary))
            .Section("Which expert took which digit", Took(summary.Runs[0].Mixture.Took, result.Seeds[0]))
            .Section("Balance and certainty of the router over training", Curves(summary))
            .Section("The trained layers in the managed engine", Engines(summary))
            .Section("Claims", ClaimSection.Of(result.Claims), new XElement("h2", "Controls"), ClaimSection.Of(result.Controls))
            .Section("How it was run", How(summary, result))
            .ToHtml();
    }

    private static object[] Rivals(QuickstartSummary summary) =>
    [
        HtmlPage.Figure(
            IntervalChart.Draw([.. summary.Models.Select(static m => (m.Name, m.Accuracies))], "accuracy on held-out images, %", "Accuracy of four models"),
            "Small dots: one seed each. Large dot and line: mean and its 95 % interval over seeds."),
        HtmlPage.Table(
            ["model", "parameters", "operations per image", "accuracy, mean ± sd", "mixture minus it [95 %]"],
            summary.Models.Select((m, i) =>
            {
                return (IReadOnlyList<string>)[m.Name, $"{m.Parameters:N0}", $"{m.Flops:N0}", summary.Accuracy(m),
                    i == 0 ? "" : Signed.Text(summary.Lead(m))];
            })),
        HtmlPage.Paragraph("Differences are paired by seed: both models saw the same split. The intervals are about splits of these images, not about new writers."),
    ];

    private static object[] Took(Specialisation took, long seed)
    {
        int[] order = [.. took.ByFavourite];
        string[] experts = [.. order.Select(static e => $"expert {e}")];
        string[] digits = [.. Enumerable.Range(0, DigitImages.Classes).Select(static d => $"{d}")];
        var shares = new double[took.Experts, DigitImages.Classes];
        float[] means = [.. order.SelectMany(e => took.MeanImages.AsSpan(e * DigitImages.Size, DigitImages.Size).ToArray())];
        for (int row = 0; row < order.Length; row++)
        {
            for (int d = 0; d < DigitImages.Classes; d++) shares[row, d] = took.Share(order[row], d);
        }

        return
        [
            HtmlPage.Beside(
                HtmlPage.Figure(
                    HeatMap.Draw(experts, digits, shares, "Share of each digit's routes that went to each expert"),
                    $"Of all routes of a digit, the percentage that went to an expert: columns sum to 100. Every image has {MoEClassifier.Spec.Router.TopK} routes. Held-out images of seed {seed}."),
                HtmlPage.Figure(
                    PixelGrid.Draw([.. order.Select(e => ($"expert {e}", $"{took.Load(e)} images"))], means, 8, "Mean image of each expert"),
                    "The mean of the images whose first choice was this expert; below, how many images it took at all.")),
            HtmlPage.Paragraph($"The chosen expert tells {took.MutualInformation:0.00} bits about the digit, of {Math.Log2(DigitImages.Classes):0.00} bits that there are to tell."),
        ];
    }

    private static object[] Curves(QuickstartSummary summary)
    {
        Line[] Lines(Func<MixtureRun, IReadOnlyList<double>> curve) =>
        [
            new("with loss", [.. summary.Runs.Select(r => curve(r.Mixture))]),
            new("without loss", [.. summary.Runs.Select(r => curve(r.Unbalanced))]),
        ];
        return
        [
            HtmlPage.Beside(
                HtmlPage.Figure(LineChart.Draw(Lines(static m => m.Balance), 1, "epoch", "Balance over training"), "Load of the busiest expert over the mean load, training images; 1 is perfect balance."),
                HtmlPage.Figure(LineChart.Draw(Lines(static m => m.Entropy), 0, "epoch", "Entropy over training"), $"Entropy of the router's scores per image, in bits; {Math.Log2(MoEClassifier.Spec.Router.Experts):0.#} is undecided, 0 is certain.")),
            HtmlPage.Paragraph("Lines are means over seeds, bands the range over seeds."),
        ];
    }

    private static object[] Engines(QuickstartSummary summary)
    {
        var (images, same, margin, difference) = summary.Engines;
        string Time(Func<EngineCheck, double> time) => $"{summary.Microseconds(time):0.0}";
        return
        [
            HtmlPage.Paragraph($"Weights were taken out of the torch layers and put into the managed engine, plain C# without libtorch. {same:N0} of {images:N0} held-out images go to the same experts; outputs differ by at most {difference:0.0E+0}; the closest choice had a margin of {margin:0.0E+0}."),
            HtmlPage.Table(
                ["microseconds per image, one thread", "managed (reference)", "torch"],
                [
                    ["one image at a time", Time(static e => e.ManagedSingle), Time(static e => e.TorchSingle)],
                    [$"{summary.HeldOut} images at once", Time(static e => e.ManagedMicroseconds), Time(static e => e.TorchMicroseconds)],
                ]),
        ];
    }

    private static object[] How(QuickstartSummary summary, RunResult result) =>
    [
        HtmlPage.Table(["setting", "value"],
        [
            ["scale", result.Scale.ToString().ToLowerInvariant()],
            ["seeds", string.Join(", ", result.Seeds)],
            ["training", $"AdamW, cosine schedule, {summary.Recipe.Epochs} epochs, batch {DigitTraining.Batch}, learning rate {string.Join(" or ", summary.Recipe.Rates)}{(summary.Recipe.Rates.Count > 1 ? " (each model's best on a fifth of its training images)" : " for every model")}"],
            ["load-balancing loss", $"coefficient {summary.Recipe.Balancing}"],
            ["data", result.Data],
            ["running time", $"{result.Seconds:0} s"],
        ], words: 2),
    ];
}
