using MoE.Samples.Data;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Papers.Mmoe.Dtrn;
using MoE.Samples.Papers.Mmoe.Synthetic;
using MoE.Samples.Papers.Mmoe.Tabular;
using MoE.Samples.Ratings;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>Gates per task: MMoE on synthetic tasks and two census tables, CGC and PLE beside it, and DTRN's modules on top.</summary>
public sealed class MmoeSample : Reproduction
{
    private const string Income = "census: income, never married", Education = "census: education, never married", AdultTable = "adult: income, never married";
    private static readonly TaskArchitecture[] All = Enum.GetValues<TaskArchitecture>();
    private readonly Plan? _plan;

    /// <summary>The sample as it ships.</summary>
    public MmoeSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public MmoeSample(Plan plan) => _plan = plan;

    /// <inheritdoc/>
    public override string Id => "mmoe";

    /// <inheritdoc/>
    public override string Title => "Gates per task: MMoE, CGC and PLE, DTRN";

    /// <inheritdoc/>
    public override string Paper => "Ma et al.: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts (KDD 2018); Tang et al.: Progressive Layered Extraction (RecSys 2020); Liu et al.: Deep Task-specific Bottom Representation Network for Multi-Task Recommendation (CIKM 2023, arXiv 2308.05996)";

    /// <inheritdoc/>
    public override string Data => $"Synthetic tasks of MMoE; {CensusIncome.Set.Title}, {Adult.Set.Title} and {MovieLensSmall.Set.Title}, each where it is there";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("synthetic-gain", "Synthetic tasks of correlation 0.5: mean squared error that MMoE saves of that of one gate for both tasks", "%", Bound.AtLeast(1), Published: "positive (figure 4)"),
        new("synthetic-tail", "The same for the ninth decile of the error over repetitions: fewer bad minima", "%", Bound.AtLeast(1), Published: "positive (figure 5)"),
        new("synthetic-gain-at-1", "Synthetic tasks of correlation 1, which are one task but for the noise: the same saving, which should vanish", "%", Bound.In(-10, 10), Published: "about 0 (figure 4)"),
        new("synthetic-spread", "Standard deviation of the error over repetitions at correlation 0.5: what MMoE saves of that of the shared bottom", "%", Bound.AtLeast(1), Published: "positive (figure 5)"),
        new("census-income", "Census: AUC of income, of the worst of six architectures", "AUC", Bound.AtLeast(0.934), Published: "0.9295 to 0.9359 by architecture (MMoE 0.9359)"),
        new("census-never-married", "Census: AUC of never married, of the worst", "AUC", Bound.AtLeast(0.992), Published: "0.9921 to 0.9927 (MMoE 0.9927)"),
        new("census-education", "Census: AUC of education, of the worse of single tasks and MMoE", "AUC", Bound.AtLeast(0.882), Published: "0.8792 to 0.8826 (MMoE 0.8826)"),
        new("census-difference", "Census: AUC of income, MMoE minus single tasks; no order of architectures is claimed", "AUC", Bound.In(-0.003, 0.003), Published: "+0.0022"),
        new("adult-difference", "Adult: AUC of income, MMoE minus single tasks; likewise", "AUC", Bound.In(-0.005, 0.005)),
        new("dtrn-mmoe", "Films: mean AUC of both tasks, DTRN on MMoE minus MMoE", "AUC", Bound.AtLeast(0), Published: "positive; numbers not at hand"),
        new("dtrn-ple", "Films: mean AUC of both tasks, DTRN on PLE minus PLE", "AUC", Bound.AtLeast(0), Published: "positive; numbers not at hand"),
        new("dtrn-norms-differ", "Largest difference between the tasks' layer-norm conditions after training", "units", Bound.AtLeast(0.01)),
        new("dtrn-gates-differ", "Largest difference between the tasks' refinement weights after training", "weight", Bound.AtLeast(0.01)),
        new("cgc-bits", "CGC: bits of a task's output that change when the other task's experts are zeroed", "bits", Bound.AtMost(0), Exact: true, Published: "0 (definition)"),
        new("ple-shared-path-only", "PLE of two levels: the same with the shared gate's weight on the other task's experts cut", "bits", Bound.AtMost(0), Exact: true, Published: "0 (definition)"),
        new("library-mixture", "Largest difference of the batched mixtures of the synthetic tasks from the library's multi-gate mixture", "units", Bound.AtMost(1e-5), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("ple-bits", "PLE of two levels: bits that change when the other task's experts are zeroed and the shared path is there", "bits", Bound.AtLeast(1), Exact: true),
        new("noise-floor", "Synthetic tasks: models whose mean squared error is below nine tenths of the variance of the noise; nobody predicts noise", "models", Bound.AtMost(0)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("task-gates", "MMoE has one gate for both synthetic tasks", ["synthetic-gain", "synthetic-tail"]),
        new("refinement", "DTRN's modules are left out; weights are drawn anew", ["dtrn-mmoe", "dtrn-ple", "dtrn-norms-differ", "dtrn-gates-differ"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var plan = _plan ?? context.Pick(Plan.Quick, Plan.Paper);
        var absent = new List<string>();
        T? There<T>(string claims, Func<T> load)
            where T : class
        {
            try
            {
                return load();
            }
            catch (MissingDataException e)
            {
                absent.Add(e.Message);
                foreach (var claim in Claims.Where(c => c.Id.StartsWith(claims, StringComparison.Ordinal))) findings.NotRun(claim.Id, e.Message);
                return null;
            }
        }

        var census = There("census", () => CensusIncome.Load(context.Data));
        var adult = There("adult", () => Adult.Load(context.Data));
        var ratings = There("dtrn", () => new RatingSequences(MovieLensSmall.Load(context.Data)));
        var tables = new List<(TabularData Data, TabularStudy Study, TaskArchitecture[] Models)>();
        if (census is not null) tables.Add((TabularData.CensusIncomeTask(census), plan.Census, All));
        if (census is not null) tables.Add((TabularData.CensusEducationTask(census), plan.Census, context.Pick<TaskArchitecture[]>([TaskArchitecture.Single, TaskArchitecture.MultiGate], All)));
        if (adult is not null) tables.Add((TabularData.AdultTask(adult), plan.Adult, context.Pick<TaskArchitecture[]>([TaskArchitecture.Single, TaskArchitecture.MultiGate, TaskArchitecture.Progressive], All)));

        Dictionary<Architecture, double>? rates = null;
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(plan.Seeds, (seed, progress) =>
        {
            rates ??= Rates(plan, context.Seed, progress);
            var run = new SeedRun { Bits = RoutingIdentity.Count(seed), LibraryDifference = LibraryDifference(seed) };
            var parts = Parts(run, plan, rates, tables, ratings, context, seed).ToList();
            for (int p = 0; p < parts.Count; p++)
            {
                var watch = System.Diagnostics.Stopwatch.StartNew();
                parts[p].Run(fraction => progress((p + fraction) / parts.Count));
                run.Seconds[parts[p].Name] = run.Seconds.GetValueOrDefault(parts[p].Name) + watch.Elapsed.TotalSeconds;
            }

            context.Progress.Say($"seed {seed}: MMoE saves {run.Gain(plan.Correlations[0], Architecture.MultiGate, Architecture.OneGate, static e => e.Average()):0.0} % at correlation {plan.Correlations[0]}" +
                string.Concat(tables.Select(t => $"; {t.Data.Name.Split(',')[0]} {run.Tables[(t.Data.Name, TaskArchitecture.MultiGate)][0]:0.0000}")) + (ratings is null ? "" : $"; DTRN {run.Refinement(TaskArchitecture.MultiGate):+0.0000;-0.0000}"));
            return run;
        });
        if (runs.Count > 0) Describe(runs, plan, rates!, absent, findings);
    }

    // What a seed does, each part with its own progress.
    private static IEnumerable<(string Name, Action<Action<double>> Run)> Parts(
        SeedRun run, Plan plan, Dictionary<Architecture, double> rates, List<(TabularData Data, TabularStudy Study, TaskArchitecture[] Models)> tables, RatingSequences? ratings, RunContext context, long seed)
    {
        foreach (double correlation in plan.Correlations)
        {
            foreach (var model in Enum.GetValues<Architecture>())
            {
                if (model == Architecture.SharedBottom && correlation == plan.Correlations[^1]) continue;
                var trained = model == Architecture.MultiGate && context.Without("task-gates") ? Architecture.OneGate : model;
                yield return ("synthetic", progress => run.Synthetic[(correlation, model)] = plan.Synthetic.Run(trained, correlation, rates[trained], seed, progress).Testing);
            }
        }

        foreach (var (data, study, models) in tables)
        {
            foreach (var model in models) yield return (data.Name, progress => run.Tables[(data.Name, model)] = study.Run(data, model, seed, progress));
        }

        if (ratings is null) yield break;
        foreach (var model in new[] { TaskArchitecture.MultiGate, TaskArchitecture.Progressive })
        {
            foreach (bool refined in new[] { false, true })
            {
                bool off = refined && context.Without("refinement");
                yield return ("films", progress => run.Ratings[(model, refined)] = plan.Ratings.Run(ratings, model, refined && !off, off ? seed + 500_000 : seed, progress));
            }
        }
    }

    // Every architecture gets the rate with the least validation error, on data that no result is of.
    private static Dictionary<Architecture, double> Rates(Plan plan, long seed, Action<double> progress)
    {
        long pilot = seed * 1000L + 999;
        return Enum.GetValues<Architecture>().ToDictionary(static a => a, a => plan.Rates.Length == 1
            ? plan.Rates[0]
            : plan.Rates.MinBy(rate => plan.Synthetic.Run(a, plan.Correlations[0], rate, pilot, _ => progress(0)).Validation.Average()));
    }

    private static double LibraryDifference(long seed)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        var x = randn(2, 50, SyntheticTasks.Width);
        return new[] { Architecture.OneGate, Architecture.MultiGate }.Max(a =>
        {
            using var model = new BatchedModel(a, 2);
            return model.LibraryDifference(x, 1);
        });
    }

    private static void Describe(IReadOnlyList<SeedRun> runs, Plan plan, Dictionary<Architecture, double> rates, IReadOnlyList<string> absent, Findings findings)
    {
        double first = plan.Correlations[0], last = plan.Correlations[^1];
        findings.Record("synthetic-gain", runs.Select(r => r.Gain(first, Architecture.MultiGate, Architecture.OneGate, static e => e.Average())));
        findings.Record("synthetic-tail", runs.Select(r => r.Gain(first, Architecture.MultiGate, Architecture.OneGate, Spread.NinthDecile)));
        findings.Record("synthetic-gain-at-1", runs.Select(r => r.Gain(last, Architecture.MultiGate, Architecture.OneGate, static e => e.Average())));
        findings.Record("synthetic-spread", runs.Select(r => r.Gain(first, Architecture.MultiGate, Architecture.SharedBottom, Spread.Deviation)));
        findings.Record("noise-floor", runs.Select(static r => (double)r.Synthetic.Values.Sum(static e => e.Count(static m => m < 0.009))));
        findings.Record("cgc-bits", runs.Select(static r => (double)r.Bits.Cgc));
        findings.Record("ple-shared-path-only", runs.Select(static r => (double)r.Bits.PleWithoutSharedPath));
        findings.Record("ple-bits", runs.Select(static r => (double)r.Bits.Ple));
        findings.Record("library-mixture", runs.Select(static r => r.LibraryDifference));
        double Worst(SeedRun run, string table, int task) => run.Tables.Where(t => t.Key.Table == table).Min(t => t.Value[task]);
        double Over(SeedRun run, string table) => run.Tables[(table, TaskArchitecture.MultiGate)][0] - run.Tables[(table, TaskArchitecture.Single)][0];
        if (runs[0].Tables.Keys.Any(static k => k.Table == Income))
        {
            findings.Record("census-income", runs.Select(r => Worst(r, Income, 0)));
            findings.Record("census-never-married", runs.Select(r => Worst(r, Income, 1)));
            findings.Record("census-education", runs.Select(r => Worst(r, Education, 0)));
            findings.Record("census-difference", runs.Select(r => Over(r, Income)));
        }

        if (runs[0].Tables.Keys.Any(static k => k.Table == AdultTable)) findings.Record("adult-difference", runs.Select(r => Over(r, AdultTable)));
        if (runs[0].Ratings.Count > 0)
        {
            findings.Record("dtrn-mmoe", runs.Select(static r => r.Refinement(TaskArchitecture.MultiGate)));
            findings.Record("dtrn-ple", runs.Select(static r => r.Refinement(TaskArchitecture.Progressive)));
            // Nothing to tell apart where the modules are left out.
            findings.Record("dtrn-norms-differ", runs.Select(static r => r.Ratings[(TaskArchitecture.MultiGate, true)].Norms is var n && double.IsNaN(n) ? 0 : n));
            findings.Record("dtrn-gates-differ", runs.Select(static r => r.Ratings[(TaskArchitecture.MultiGate, true)].Gates is var g && double.IsNaN(g) ? 0 : g));
        }

        Numbers(runs, plan, rates, absent, findings);
        findings.Page = result => MmoePage.Of(result, plan, runs);
    }

    private static void Numbers(IReadOnlyList<SeedRun> runs, Plan plan, Dictionary<Architecture, double> rates, IReadOnlyList<string> absent, Findings findings)
    {
        if (absent.Count > 0) findings.Numbers["absent"] = absent;
        findings.Numbers["seconds per seed"] = runs[0].Seconds.Keys.ToDictionary(static k => k, k => runs.Average(r => r.Seconds[k]));
        findings.Numbers["learning rates"] = rates.ToDictionary(static r => r.Key.ToString(), static r => r.Value);
        foreach (var (correlation, model) in runs[0].Synthetic.Keys)
        {
            double[] errors = [.. runs.SelectMany(r => r.Synthetic[(correlation, model)])];
            findings.Numbers[$"synthetic p = {correlation}, {model}"] = new Dictionary<string, object>
            {
                ["errors"] = errors, ["mean"] = errors.Average(), ["standard deviation"] = Spread.Deviation(errors), ["ninth decile"] = Spread.NinthDecile(errors),
            };
        }

        double[] one = [.. runs.SelectMany(r => r.Synthetic[(plan.Correlations[0], Architecture.OneGate)])], multi = [.. runs.SelectMany(r => r.Synthetic[(plan.Correlations[0], Architecture.MultiGate)])];
        findings.Numbers["bootstrap over repetitions"] = new Dictionary<string, object>
        {
            ["repetitions"] = one.Length,
            ["share where MMoE is better"] = one.Zip(multi).Average(static p => p.Second < p.First ? 1.0 : 0.0),
            ["mean saved, % (95 %)"] = Spread.Bootstrap(one, multi, static (a, b) => 100 * (1 - b.Average() / a.Average())),
            ["ninth decile saved, % (95 %)"] = Spread.Bootstrap(one, multi, static (a, b) => 100 * (1 - Spread.NinthDecile(b) / Spread.NinthDecile(a))),
        };
        foreach (var (table, model) in runs[0].Tables.Keys) findings.Numbers[$"{table}, {model}"] = Enumerable.Range(0, TaskModel.Tasks).Select(t => runs.Select(r => r.Tables[(table, model)][t]).ToArray()).ToArray();
        foreach (var (model, refined) in runs[0].Ratings.Keys) findings.Numbers[$"films, {model}{(refined ? ", DTRN" : "")}"] = Enumerable.Range(0, TaskModel.Tasks).Select(t => runs.Select(r => r.Ratings[(model, refined)].Auc[t]).ToArray()).ToArray();
    }
}
