using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;

namespace MoE.Samples.Papers.Customization;

/// <summary>A frozen global expert, a tiny local expert per user and a gate between them.</summary>
public sealed class CustomizationSample : Reproduction
{
    // Of the first seed: training the global expert comes before its users.
    private const double GlobalPart = 0.9;
    private readonly Recipe? _recipe;
    private readonly Characters? _characters;

    /// <summary>The sample as it ships.</summary>
    public CustomizationSample()
    {
    }

    /// <summary>The sample with another amount of work, on other characters.</summary>
    public CustomizationSample(Recipe recipe, Characters? characters = null)
    {
        _recipe = recipe;
        _characters = characters;
    }

    /// <inheritdoc/>
    public override string Id => "customization";

    /// <inheritdoc/>
    public override string Title => "Low-cost customization: a global expert, a local one per user, and a gate";

    /// <inheritdoc/>
    public override string Paper => "Zhang, Davoodi, Hu: A Mixture of Expert Approach for Low-Cost Customization of Deep Neural Networks (arXiv 1811.00056)";

    /// <inheritdoc/>
    public override string Data => $"{UnipenCharacters.Set.Title}; users are writers held out. Without it: embedded digits, shifted per made-up user (see numbers: data)";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("user-gain", "Accuracy on a user's held-out characters: mixture minus global expert, mean over users", "percentage points", Bound.AtLeast(10), Published: "\"clearly higher\"; table not at hand"),
        new("user-gain-above-2", "The same, against the least gain that would not refute the method", "percentage points", Bound.AtLeast(2)),
        new("generic-fall", "Accuracy on characters of everybody else: mixture minus global expert", "percentage points", Bound.AtLeast(-1), Published: "\"almost no degradation\""),
        new("not-dominated", "The better of two differences, mixture minus fine-tuned global expert, on user and on generic characters", "percentage points", Bound.AtLeast(0)),
        new("parameters", "Parameters of local expert and gate over those of the global expert", "%", Bound.AtMost(2.5), Exact: true, Published: "about 2.5 %"),
        new("multiply-adds", "Multiply-adds of local expert and gate over those of the global expert", "%", Bound.AtMost(2.5), Exact: true, Published: "about 2.5 % (energy)"),
        new("global-frozen", "Bytes of the global expert's weights that customization changed", "bytes", Bound.AtMost(0), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("always-local", "Generic accuracy if the local expert always answers, minus that of the global expert", "percentage points", Bound.AtMost(-20)),
        new("always-local-user", "User accuracy of the mixture minus that of the local expert always: what the gate costs the user", "percentage points", Bound.AtLeast(-2)),
        new("oracle", "Least difference, oracle gate minus gate, on user and generic characters: an upper bound", "percentage points", Bound.AtLeast(0), Exact: true),
        new("fine-tuning", "Generic accuracy of the global expert fine-tuned on the user minus that of the mixture: fine-tuning forgets more", "percentage points", Bound.AtMost(-0.5)),
        new("shuffled-gate", "User gain plus generic change of the gate, minus those with its answers in random order", "percentage points", Bound.AtLeast(0.5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("local-expert", "the local expert corrects nothing", ["user-gain", "user-gain-above-2"]),
        new("gate", "every character goes to the local expert", ["generic-fall"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(Recipe.Quick, Recipe.Paper);
        var characters = _characters ?? Characters.Load(context.Data);
        GlobalExpert? global = null;
        try
        {
            var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
            {
                if (global is null)
                {
                    global = GlobalExpert.Train(characters, recipe, seed, fraction => progress(GlobalPart * fraction));
                    context.Progress.Say($"global expert of {characters.Source}: {global.Testing.Right().Average(static r => r ? 100.0 : 0):0.0} % of {global.Split.Testing.Length:N0} characters of other writers");
                }

                var draws = new Numerics.Draws(seed, 4);
                int[] users = [.. global.Split.Users];
                draws.Shuffle<int>(users);
                var done = new List<(UserRun Run, long Parameters)>();
                foreach (int user in users.Take(recipe.UsersPerSeed))
                {
                    done.Add(global.Customize(user, seed, context.Ablated));
                    progress(GlobalPart + (1 - GlobalPart) * done.Count / recipe.UsersPerSeed);
                }

                var run = new SeedRun([.. done.Select(static d => d.Run)], done[0].Parameters, global.Changed);
                context.Progress.Say($"seed {seed}: users {run.Mean(static r => r.Global.User):0.0} -> {run.Mean(static r => r.Mixture.User):0.0} %, others {run.Mean(static r => r.Global.Generic):0.0} -> {run.Mean(static r => r.Mixture.Generic):0.0} %");
                return run;
            });
            if (runs.Count > 0) Describe(runs, characters, global!, findings);
        }
        finally
        {
            global?.Dispose();
        }
    }

    private static void Describe(IReadOnlyList<SeedRun> runs, Characters characters, GlobalExpert global, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> of) => findings.Record(id, runs.Select(of));
        double UserGain(SeedRun r) => r.Mean(static u => u.Mixture.User - u.Global.User);
        Record("user-gain", UserGain);
        Record("user-gain-above-2", UserGain);
        Record("generic-fall", static r => r.Mean(static u => u.Mixture.Generic - u.Global.Generic));
        Record("not-dominated", static r => Math.Max(r.Mean(static u => u.Mixture.User - u.FineTuned.User), r.Mean(static u => u.Mixture.Generic - u.FineTuned.Generic)));
        var budget = new Budget(characters.Classes);
        Record("parameters", r => 100.0 * r.Parameters / budget.Global);
        Record("multiply-adds", _ => 100.0 * budget.MultiplyAdds / LeNet.MultiplyAdds(characters.Classes));
        Record("global-frozen", static r => r.Changed);
        Record("always-local", static r => r.Mean(static u => u.Local.Generic - u.Global.Generic));
        Record("always-local-user", static r => r.Mean(static u => u.Mixture.User - u.Local.User));
        Record("oracle", static r => r.Users.Min(static u => Math.Min(u.Oracle.User - u.Mixture.User, u.Oracle.Generic - u.Mixture.Generic)));
        Record("fine-tuning", static r => r.Mean(static u => u.FineTuned.Generic - u.Mixture.Generic));
        Record("shuffled-gate", static r => r.Mean(static u => u.Mixture.User + u.Mixture.Generic - u.Shuffled.User - u.Shuffled.Generic));

        findings.Numbers["data"] = characters.Source;
        findings.Numbers["base model"] = "one global expert for all seeds";
        findings.Numbers["generic characters"] = new Dictionary<string, int> { ["training"] = global.Split.Training.Length, ["testing"] = global.Split.Testing.Length };
        foreach (var (name, of) in SeedRun.Models)
        {
            findings.Numbers[name] = new Dictionary<string, double[]> { ["user"] = [.. runs.Select(r => r.Mean(u => of(u).User))], ["generic"] = [.. runs.Select(r => r.Mean(u => of(u).Generic))] };
        }

        findings.Page = result => CustomizationPage.Of(result, characters, runs);
    }
}
