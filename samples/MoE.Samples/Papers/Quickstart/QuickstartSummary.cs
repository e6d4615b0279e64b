using MoE.Samples.Digits;
using MoE.Samples.Frame;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The runs of all seeds, put together for screen, page and result file.</summary>
public sealed class QuickstartSummary
{
    /// <summary>Puts runs together.</summary>
    public QuickstartSummary(IReadOnlyList<SeedRun> runs, Recipe recipe, DigitImages images)
    {
        (Runs, Recipe, Images) = (runs, recipe, images);
        long Head(int width) => 2L * DigitImages.Size * width + width + DigitImages.Size + (DigitImages.Size + 1) * DigitImages.Classes;
        long mixture;
        using (var model = new MoEClassifier(0)) mixture = DenseClassifier.Parameters(model);
        int few = DenseClassifier.WidthOfEqualFlops, many = DenseClassifier.WidthOfEqualParameters;
        Models =
        [
            new($"mixture, top {MoEClassifier.Spec.Router.TopK} of {MoEClassifier.Spec.Router.Experts}", mixture, DenseClassifier.MixtureFlops, [.. runs.Select(static r => r.Mixture.Accuracy)]),
            new("dense, equal operations", Head(few), DenseClassifier.Flops(few), [.. runs.Select(static r => r.EqualFlops)]),
            new("dense, equal parameters", Head(many), DenseClassifier.Flops(many), [.. runs.Select(static r => r.EqualParameters)]),
            new("mixture, random experts", mixture, DenseClassifier.MixtureFlops, [.. runs.Select(static r => r.Random.Accuracy)]),
        ];
    }

    /// <summary>One per finished seed.</summary>
    public IReadOnlyList<SeedRun> Runs { get; }

    /// <summary>How the models were trained.</summary>
    public Recipe Recipe { get; }

    /// <summary>All images.</summary>
    public DigitImages Images { get; }

    /// <summary>The mixture first.</summary>
    public IReadOnlyList<ModelRow> Models { get; }

    /// <summary>Held-out images per seed.</summary>
    public int HeldOut => Runs[0].Engines.Images;

    /// <summary>The mixture's accuracy minus a rival's, paired by seed.</summary>
    public Interval Lead(ModelRow rival) => Interval.Over([.. Models[0].Accuracies.Zip(rival.Accuracies, static (a, b) => a - b)]);

    /// <summary>Mean and standard deviation of a model's accuracy.</summary>
    public string Accuracy(ModelRow model)
    {
        var accuracy = Interval.Over(model.Accuracies);
        return accuracy.Count == 1 ? $"{accuracy.Mean:0.0} %" : $"{accuracy.Mean:0.0} ± {accuracy.Sd:0.0} %";
    }

    /// <summary>The outcome against the dense rivals, in one sentence.</summary>
    public string Outcome
    {
        get
        {
            if (Runs.Count == 1) return "One seed gives no verdict against the rivals.";
            string Against(int model, string equal)
            {
                var lead = Lead(Models[model]);
                string verdict = lead.Low > 0 ? "ahead of" : lead.High < 0 ? "behind" : "not clearly different from";
                return $"{verdict} a dense network of {equal} ({Signed.Text(lead.Mean)} points)";
            }

            int wins = Models.Skip(1).Take(2).Count(m => Lead(m).Low > 0);
            string first = wins switch { 2 => "The mixture wins", 1 => "The mixture wins in part", _ => "The mixture does not win" };
            return $"{first}: {Against(1, "as many operations")}, {Against(2, "as many parameters")}.";
        }
    }

    /// <summary>The engines, over all seeds.</summary>
    public (int Images, int Same, double Margin, double Difference) Engines => (
        Runs.Sum(static r => r.Engines.Images), Runs.Sum(static r => r.Engines.SameExperts),
        Runs.Min(static r => r.Engines.SmallestMargin), Runs.Max(static r => r.Engines.LargestDifference));

    /// <summary>The median over seeds of one of the times.</summary>
    public double Microseconds(Func<EngineCheck, double> time)
    {
        double[] times = [.. Runs.Select(r => time(r.Engines)).Order()];
        return times[times.Length / 2];
    }

    /// <summary>For the result file.</summary>
    public IEnumerable<(string Name, object Value)> Numbers()
    {
        yield return ("images", Images.Count);
        yield return ("held_out", HeldOut);
        yield return ("epochs", Recipe.Epochs);
        yield return ("learning_rates", Recipe.Rates);
        yield return ("models", Models.Select(static m => new Dictionary<string, object>
        {
            ["name"] = m.Name, ["parameters"] = m.Parameters, ["flops_per_image"] = m.Flops,
            ["accuracy_percent"] = m.Accuracies, ["mean"] = Interval.Over(m.Accuracies).Mean, ["sd"] = Interval.Over(m.Accuracies).Sd,
        }).ToArray());
        yield return ("balance_per_epoch", Curves(static m => m.Balance));
        yield return ("router_entropy_bits_per_epoch", Curves(static m => m.Entropy));
        var took = Runs[0].Mixture.Took;
        yield return ("digit_share_by_expert", Enumerable.Range(0, took.Experts).Select(e => Enumerable.Range(0, DigitImages.Classes).Select(d => Math.Round(took.Share(e, d), 4)).ToArray()).ToArray());
        var (all, same, margin, difference) = Engines;
        yield return ("engines", new Dictionary<string, object>
        {
            ["images"] = all, ["same_experts"] = same, ["smallest_margin"] = margin, ["largest_difference"] = difference,
        });
        yield return ("microseconds_per_image", new Dictionary<string, object>
        {
            ["torch"] = Microseconds(static e => e.TorchMicroseconds), ["managed"] = Microseconds(static e => e.ManagedMicroseconds),
            ["torch_single"] = Microseconds(static e => e.TorchSingle), ["managed_single"] = Microseconds(static e => e.ManagedSingle),
        });
    }

    /// <summary>A curve over training: the mean over seeds, with and without the loss.</summary>
    public Dictionary<string, double[]> Curves(Func<MixtureRun, IReadOnlyList<double>> curve) => new()
    {
        ["with_loss"] = Mean(Runs.Select(r => curve(r.Mixture))),
        ["without_loss"] = Mean(Runs.Select(r => curve(r.Unbalanced))),
    };

    private static double[] Mean(IEnumerable<IReadOnlyList<double>> curves)
    {
        var all = curves.ToList();
        return [.. Enumerable.Range(0, all[0].Count).Select(i => all.Average(c => c[i]))];
    }
}
