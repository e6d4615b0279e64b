using MoE.Samples.Frame;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Temperature;

/// <summary>A softmax gate with a learned temperature cannot be learned, unless an activation stands before the softmax.</summary>
public sealed class TemperatureSample : Reproduction
{
    private const string HalfPower = "-1/2 (theory)";
    private static readonly string[] Keys = ["identity", "relu", "sigmoid", "tanh", "gelu"];
    private readonly Plan? _plan;

    /// <summary>The sample as it ships.</summary>
    public TemperatureSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public TemperatureSample(Plan plan) => _plan = plan;

    /// <inheritdoc/>
    public override string Id => "temperature";

    /// <inheritdoc/>
    public override string Title => "Is temperature sample efficient? Dense-to-sparse gates with and without an activation";

    /// <inheritdoc/>
    public override string Paper => "Nguyen, Akbarian, Ho: Is Temperature Sample Efficient for Softmax Gaussian Mixture of Experts? (ICML 2024, arXiv 2401.13875)";

    /// <inheritdoc/>
    public override string Data => "Simulated; every repetition draws its own sample";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("identity-gate", "Standard dense-to-sparse gate: exponent of the error of slope, bias and temperature in the sample size", "exponent", Bound.In(-0.1, 0.1), Published: "slower than any power (theory)"),
        new("relu-gate", "ReLU before the softmax, homogeneous like the standard gate: the same exponent", "exponent", Bound.In(-0.1, 0.1), Published: "excluded by the paper's condition"),
        new("sigmoid-gate", "Sigmoid before the softmax: the same exponent", "exponent", Bound.AtMost(-0.4), Published: HalfPower),
        new("tanh-gate", "tanh before the softmax: the same exponent", "exponent", Bound.AtMost(-0.4), Published: HalfPower),
        new("gelu-gate", "GELU before the softmax: the same exponent", "exponent", Bound.AtMost(-0.4), Published: HalfPower),
        .. Keys.Select((key, i) => new Claim($"{key}-experts", $"{GateCase.All[i].Activation.Name}: exponent of the error of the experts", "exponent", Bound.In(-0.58, -0.42), Published: HalfPower)),
        .. Keys.Select((key, i) => new Claim($"{key}-function", $"{GateCase.All[i].Activation.Name}: exponent of the error of the gate as a function", "exponent", Bound.In(-0.58, -0.42), Published: HalfPower)),
        new("ridge", "Standard and ReLU gate: change of the mean log-likelihood when slope, bias and temperature are scaled together", "nats", Bound.AtMost(1e-12), Exact: true, Published: "0 (identity)"),
        new("no-ridge", "Sigmoid, tanh and GELU gate: the least such change", "nats", Bound.AtLeast(1e-6), Exact: true, Published: "above 0"),
        new("gradient", "Largest difference of a gradient from finite differences", "nats", Bound.AtMost(1e-8), Exact: true),
        new("library-gate", "Largest difference of a share from the library's dense-to-sparse gate, in double precision", "share", Bound.AtMost(1e-12), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("pinned-temperature", "Standard gate, temperature held at the truth: the exponent of its error, which comes back once the ridge is gone", "exponent", Bound.AtMost(-0.4)),
        new("nearer-starts", "Standard gate from starts that come nearer the truth with the sample, as in released code: a rate although nothing is learned along the ridge", "exponent", Bound.AtMost(-0.02)),
        new("relu-like-identity", "Exponent of the ReLU gate minus that of the standard gate: an activation alone does not help", "exponent", Bound.In(-0.15, 0.15)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("activation", "the identity stands in for every activation, with the truth of the standard gate", ["sigmoid-gate", "tanh-gate", "gelu-gate"]),
        new("free-temperature", "the temperature is held at the truth", ["identity-gate", "relu-gate"]),
        new("expert-updates", "the experts stay where they begin", [.. Keys.Select(static key => $"{key}-experts")]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var plan = _plan ?? context.Pick(Plan.Quick, Plan.Paper);
        var gates = GateCase.All.Select(g => context.Without("activation") ? GateCase.All[0] : g)
            .Select(g => g with { PinsTemperature = context.Without("free-temperature"), KeepsExperts = context.Without("expert-updates") }).ToList();
        GateCase[] cases = [.. gates, gates[0] with { PinsTemperature = true }, gates[0] with { StartsNearer = true }];
        var studies = context.OverSeeds(plan.Seeds, (seed, progress) =>
        {
            var errors = cases.Select((c, i) => c.Run(plan.Sizes, plan.Repetitions, seed * 10 + i, fraction => progress((i + fraction) / cases.Length))).ToList();
            var study = new Study(
                plan.Sizes, errors, Math.Max(RidgeCheck.Change(gates[0], seed), RidgeCheck.Change(gates[1], seed)), GateCase.All.Skip(2).Min(g => RidgeCheck.Change(g, seed)),
                gates.Max(g => RidgeCheck.GradientError(g, seed)), gates.Max(RidgeCheck.LibraryDifference));
            context.Progress.Say($"seed {seed}: exponents of the gate's error {string.Join(", ", gates.Select((g, i) => $"{g.Activation.Name} {study.Slope(i, static e => e.Gate):0.00}"))}");
            return study;
        });
        if (studies.Count > 0) Describe(studies, findings);
    }

    private static void Describe(IReadOnlyList<Study> studies, Findings findings)
    {
        for (int i = 0; i < Keys.Length; i++)
        {
            int at = i;
            findings.Record($"{Keys[i]}-gate", studies.Select(s => s.Slope(at, static e => e.Gate)));
            findings.Record($"{Keys[i]}-experts", studies.Select(s => s.Slope(at, static e => e.Experts)));
            findings.Record($"{Keys[i]}-function", studies.Select(s => s.Slope(at, static e => e.Function)));
        }

        findings.Record("ridge", studies.Select(static s => s.Ridge));
        findings.Record("no-ridge", studies.Select(static s => s.NoRidge));
        findings.Record("gradient", studies.Select(static s => s.GradientError));
        findings.Record("library-gate", studies.Select(static s => s.LibraryDifference));
        findings.Record("pinned-temperature", studies.Select(static s => s.Slope(Keys.Length, static e => e.Gate)));
        findings.Record("nearer-starts", studies.Select(static s => s.Slope(Keys.Length + 1, static e => e.Gate)));
        findings.Record("relu-like-identity", studies.Select(static s => s.Slope(1, static e => e.Gate) - s.Slope(0, static e => e.Gate)));

        string[] names = [.. Keys, "identity, temperature pinned", "identity, nearer starts"];
        for (int i = 0; i < names.Length; i++)
        {
            int at = i;
            double[] Mean(Func<GateCase.Errors, double[]> of) => [.. Enumerable.Range(0, studies[0].Sizes.Length).Select(n => studies.Average(s => of(s.Errors[at])[n]))];
            findings.Numbers[names[i]] = new Dictionary<string, object>
            {
                ["sizes"] = studies[0].Sizes, ["gate"] = Mean(static e => e.Gate), ["experts"] = Mean(static e => e.Experts), ["function"] = Mean(static e => e.Function),
                ["gate slope"] = PowerLaw.Fit(studies[0].Sizes, Mean(static e => e.Gate)).Slope, ["gate slope error"] = PowerLaw.Fit(studies[0].Sizes, Mean(static e => e.Gate)).Error,
                ["unfinished fits"] = studies.Sum(s => s.Errors[at].Unfinished),
            };
        }

        findings.Page = result => TemperaturePage.Of(result, names, studies);
    }

    /// <summary>One seed.</summary>
    internal sealed record Study(double[] Sizes, IReadOnlyList<GateCase.Errors> Errors, double Ridge, double NoRidge, double GradientError, double LibraryDifference)
    {
        public double Slope(int gate, Func<GateCase.Errors, double[]> error) => PowerLaw.Fit(Sizes, error(Errors[gate])).Slope;
    }
}
