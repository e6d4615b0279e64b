using MoE.Samples.Numerics;
using MoE.Samples.Ratings;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AwMoe;

/// <summary>All of one seed. Areas under the curve are in percent.</summary>
public sealed class SeedRun
{
    /// <summary>The contenders.</summary>
    public static IReadOnlyList<(string Name, GateForm Form, View View)> Contenders { get; } =
    [
        ("AW-MoE", GateForm.Attention, View.Contrast),
        ("without contrast", GateForm.Attention, View.None),
        ("masking as augmentation", GateForm.Attention, View.Augment),
        ("gate on the mean", GateForm.Pooled, View.None),
        ("DIN", GateForm.None, View.None),
    ];

    private const int Bootstraps = 400, AgreementBatch = 256;

    /// <summary>Area of each contender on whole histories, and on histories cut to one, two or five films.</summary>
    public Dictionary<string, (double Whole, double Short)> Areas { get; } = [];

    /// <summary>Share of rows whose masked view finds its row, with and without contrast.</summary>
    public (double With, double Without) Agreement { get; private set; }

    /// <summary>95 % interval over users of the difference in differences of contrast, and of augmentation.</summary>
    public ((double Low, double High) Contrast, (double Low, double High) Augmentation) Users { get; private set; }

    /// <summary>Area of AW-MoE when every row has another row's history.</summary>
    public double OtherHistories { get; private set; }

    /// <summary>Identities: largest differences.</summary>
    public (double Sum, double Bits, double ClosedForm) Identities { get; private set; }

    /// <summary>How much more a way gains on short histories than on whole ones.</summary>
    public double MoreOnShort(string name)
    {
        var (with, without) = (Areas[name], Areas["without contrast"]);
        return with.Short - without.Short - (with.Whole - without.Whole);
    }

    /// <summary>Trains and measures; every contender sees the same rows.</summary>
    public static SeedRun Of(RatingSequences data, AwMoeSample.Recipe recipe, bool attends, bool contrasts, long seed, Action<double> progress)
    {
        int[] train = data.Training, test = data.Testing;
        var draws = new Draws(seed, 74);
        draws.Shuffle<int>(train);
        draws.Shuffle<int>(test);
        (train, test) = (train[..Math.Min(recipe.Most, train.Length)], test[..Math.Min(recipe.Most / 4, test.Length)]);
        bool[] liked = [.. test.Select(r => data.Labels(r).Like)];
        int[] kept = [.. test.Select(_ => draws.Below(3) switch { 0 => 1, 1 => 2, _ => 5 })];
        int[] others = [.. test];
        draws.Shuffle<int>(others);
        var users = new UserBootstrap([.. test.Select(data.User)], liked, Bootstraps, new Draws(seed, 75));
        var run = new SeedRun { Identities = Check(seed) };
        var study = new Training(recipe.Epochs);
        var boots = new Dictionary<string, (double[] Whole, double[] Short)>();
        for (int c = 0; c < Contenders.Count; c++)
        {
            var (name, form, view) = Contenders[c];
            if (form == GateForm.Attention && !attends) form = GateForm.Pooled;
            if (view == View.Contrast && !contrasts) view = View.None;
            int before = c;
            using var model = study.Train(data, train, form, view, seed, f => progress((before + f) / Contenders.Count));
            float[] whole = Training.Scores(model, data, test), cut = Training.Scores(model, data, test, kept);
            run.Areas[name] = (100 * Auc.Of(whole, liked), 100 * Auc.Of(cut, liked));
            boots[name] = (users.Areas(whole), users.Areas(cut));
            if (c == 0) run.OtherHistories = 100 * Auc.Of(Training.Scores(model, data, test, pastOf: others), liked);
            if (c == 0) run.Agreement = (Training.Agreement(model, data, test, AgreementBatch, seed), 0);
            if (c == 1) run.Agreement = (run.Agreement.With, Training.Agreement(model, data, test, AgreementBatch, seed));
        }

        var plain = boots["without contrast"];
        (double, double) Over(string name) => UserBootstrap.Interval([.. Enumerable.Range(0, Bootstraps).Select(s => boots[name].Short[s] - plain.Short[s] - (boots[name].Whole[s] - plain.Whole[s]))]);
        run.Users = (Over("AW-MoE"), Over("masking as augmentation"));
        return run;
    }

    // The library's gate against the sum written out, absent behaviours against others, and InfoNCE against its closed form on orthogonal rows.
    private static (double Sum, double Bits, double ClosedForm) Check(long seed)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        manual_seed(seed);
        using var gate = new AttentionWeightedGate(Ranker.Width, Ranker.Experts, 8);
        const int Rows = 50, Length = 20;
        var (b, x) = (randn(Rows, Length, Ranker.Width), randn(Rows, Ranker.Width));
        var absent = rand(Rows, Length).lt(0.4);
        var (vectors, relevance) = gate.contributions(b, x, absent);
        var sum = zeros(Rows, Ranker.Experts);
        for (int i = 0; i < Length; i++) sum = sum + vectors.select(1, i) * relevance.select(1, i).unsqueeze(1);
        var g = gate.call(b, x, absent);
        var other = gate.call(where(absent.unsqueeze(-1), randn(b.shape) * 100, b), x, absent);
        var rows = eye(Rows, dtype: ScalarType.Float64);
        double closed = Math.Log(Math.Exp(1 / Training.Temperature) + Rows - 1) - 1 / Training.Temperature;
        return ((g - sum).abs().max().item<float>(), g.ne(other).sum().item<long>(), Math.Abs(ContrastiveLosses.info_nce(rows, rows, Training.Temperature).item<double>() - closed));
    }
}
