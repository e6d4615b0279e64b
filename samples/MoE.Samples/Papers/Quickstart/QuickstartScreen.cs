using MoE.Samples.Digits;
using MoE.Samples.Frame;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The quickstart on one screen.</summary>
public static class QuickstartScreen
{
    /// <summary>What was trained, how accurate it is against its rivals, who took what, and the other engine.</summary>
    public static IEnumerable<IRenderable> Of(QuickstartSummary summary)
    {
        yield return new Markup($"[bold]A mixture of experts reads handwriting[/]: {summary.Images.Count:N0} real digits, a third held out.\n");
        var spec = MoEClassifier.Spec;
        yield return new Markup($"Model: 64 pixels -> MoELayer ({spec.Router.Experts} experts, each image to its best {spec.Router.TopK}) -> 10 digits\n");
        yield return new Markup($"Seeds: {summary.Runs.Count}, each with its own split, weights and order; {summary.Recipe.Epochs} epochs for every model.\n\n");
        yield return new Markup($"[bold]Accuracy on {summary.HeldOut} held-out images[/] (FLOPs per image; 95 % intervals)\n");
        yield return Accuracies(summary);
        yield return new Markup($"{Markup.Escape(summary.Outcome)}\n\n");
        yield return new Markup("[bold]Who took which digit[/] (first seed; % of the digit's routes, columns sum to 100)\n");
        yield return Took(summary.Runs[0].Mixture.Took);
        double with = summary.Runs.Average(static r => r.Mixture.Took.Balance), without = summary.Runs.Average(static r => r.Unbalanced.Took.Balance);
        yield return new Markup($"Busiest expert: {with:0.0} times the mean load; without the load-balancing loss {without:0.0}.\n\n");
        yield return Engines(summary);
    }

    private static Table Accuracies(QuickstartSummary summary)
    {
        var table = PlainTable.Make("", "parameters", "FLOPs", "accuracy ± sd", "mixture ahead by");
        foreach (var model in summary.Models)
        {
            bool rival = model != summary.Models[0];
            table.AddRow(
                Markup.Escape(model.Name), $"{model.Parameters:N0}", $"{model.Flops:N0}", summary.Accuracy(model),
                rival ? Markup.Escape(Signed.Text(summary.Lead(model))) : "");
        }

        return table;
    }

    private static Table Took(Specialisation took)
    {
        var table = PlainTable.Make("digit", [.. Enumerable.Range(0, DigitImages.Classes).Select(static d => $"{d}"), "images"]);
        foreach (int e in took.ByFavourite)
            table.AddRow([$"expert {e}", .. Enumerable.Range(0, DigitImages.Classes).Select(d => Cell(took.Share(e, d))), $"{took.Load(e)}"]);
        return table;
    }

    private static string Cell(double share) => share switch
    {
        < 0.01 => "[dim]·[/]",
        < 0.1 => $"[dim]{100 * share:0}[/]",
        < 0.3 => $"{100 * share:0}",
        _ => $"[bold green]{100 * share:0}[/]",
    };

    private static Markup Engines(QuickstartSummary summary)
    {
        var (images, same, margin, difference) = summary.Engines;
        double Time(Func<EngineCheck, double> time) => summary.Microseconds(time);
        return new Markup(
            $"[bold]The trained layers in the managed engine[/] (plain C#, no libtorch)\n{same:N0} of {images:N0} images go to the same experts; outputs differ by at most {difference:0.0E+0};\nthe closest choice had a margin of {margin:0.0E+0}. " +
            $"One image alone takes {Time(static e => e.ManagedSingle):0} µs there and\n{Time(static e => e.TorchSingle):0} µs in libtorch; in a batch {Time(static e => e.ManagedMicroseconds):0.0} and {Time(static e => e.TorchMicroseconds):0.0} µs per image.\n\n");
    }
}
