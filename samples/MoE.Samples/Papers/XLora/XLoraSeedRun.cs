using System.Diagnostics;
using System.Security.Cryptography;
using MoE.Samples.Language;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.XLora;

/// <summary>Adapters, gate and rivals of one seed, measured. All losses are nats per token on held-out text, the mean over domains.</summary>
public sealed record XLoraSeedRun
{
    private const string Layers = @".*\.(q_proj|v_proj|o_proj|up_proj|down_proj)";
    private const string Shared = "shared";

    /// <summary>[adapter, domain]; the last row is the base.</summary>
    public required double[,] Matrix { get; init; }

    /// <summary>X-LoRA.</summary>
    public required double Gated { get; init; }

    /// <summary>The same gate with the best adapter of each token alone, at full weight.</summary>
    public required double TopOne { get; init; }

    /// <summary>All adapters with weight 1 / n.</summary>
    public required double Uniform { get; init; }

    /// <summary>Each domain's own adapter.</summary>
    public required double Oracle { get; init; }

    /// <summary>One adapter of as many parameters, trained on all domains for as many steps.</summary>
    public required double SharedLora { get; init; }

    /// <summary>Adapters drawn at random for every window.</summary>
    public required double RandomGate { get; init; }

    /// <summary>On windows of two domains: X-LoRA.</summary>
    public required double MixedGated { get; init; }

    /// <summary>On the same windows: the best of all decisions for whole windows, each window's found by looking at its loss.</summary>
    public required double MixedSequence { get; init; }

    /// <summary>Mean number of tokens after the border until the second domain's adapter leads.</summary>
    public required double Delay { get; init; }

    /// <summary>Largest difference of a loss between the gate and one adapter where all adapters are the same.</summary>
    public required double Identical { get; init; }

    /// <summary>Bytes of base and adapters that training the gate changed: 0, or 1 for any.</summary>
    public required int Changed { get; init; }

    /// <summary>Time of a training step of the gate over that of one adapter.</summary>
    public required double StepTime { get; init; }

    /// <summary>Parameters of the gate.</summary>
    public required long GateParameters { get; init; }

    /// <summary>A window of two domains: its tokens as text, and the routing of every layer.</summary>
    public required (IReadOnlyList<string> Tokens, IReadOnlyList<KeyValuePair<string, Routing>> Routings) Shown { get; init; }

    /// <summary>Trains and measures.</summary>
    /// <param name="start">The base; left as it was.</param>
    /// <param name="recipe">How much.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="learns">The gate is trained.</param>
    /// <param name="byToken">The gate decides token by token; otherwise its scalings are averaged over each window.</param>
    /// <param name="cache">Where finished parts are kept.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static XLoraSeedRun Of(BaseModel start, XLoraRecipe recipe, long seed, bool learns, bool byToken, LanguageCache cache, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        var model = start.Model;
        int n = start.Names.Count;
        string? place = cache.Place($"seed-{seed}", start.Key, recipe.Rank, recipe.AdapterSteps, recipe.AdapterRate, recipe.Batch);
        Tensor Logits(Tensor ids) => model.call(ids);
        var heldOut = start.HeldOut.Select(w => w.Spread(recipe.Windows).ToArray()).ToArray();
        double Mean(Func<Tensor, Tensor> logits) => heldOut.Average(w => LanguageTraining.Evaluate(w, logits));

        double shared;
        var all = new LoraSpec { Rank = recipe.Rank * n, Alpha = 2 * recipe.Rank * n };
        using (var lora = AdapterTraining.Train(model, Layers, [new(Shared, all)], recipe.AdapterSteps * n, recipe.AdapterRate, seed, (random, _) => start.Draw(random, recipe.Batch), place, f => progress(0.35 * f)))
        {
            lora.Mix = LoraMix.Of(Shared);
            shared = Mean(Logits);
        }

        var spec = new LoraSpec { Rank = recipe.Rank, Alpha = 2 * recipe.Rank };
        using var adapters = AdapterTraining.Train(model, Layers, [.. start.Names.Select(name => new KeyValuePair<string, LoraSpec>(name, spec))], recipe.AdapterSteps, recipe.AdapterRate, seed, (random, d) => start.Draw(random, recipe.Batch, d), place, f => progress(0.35 + 0.35 * f));
        var matrix = new double[n + 1, n];
        for (int a = 0; a <= n; a++)
        {
            adapters.Mix = a == n ? LoraMix.None : LoraMix.Of(start.Names[a]);
            for (int d = 0; d < n; d++) matrix[a, d] = LanguageTraining.Evaluate(heldOut[d], Logits);
        }

        adapters.Mix = new WeightedLoraMix(start.Names.ToDictionary(static s => s, _ => 1.0 / n));
        double uniform = Mean(Logits);

        manual_seed(seed);
        var gate = new XLoraSpec { Hidden = model.Size.Width, Adapters = n, Layers = adapters.Wrapped.Count, Depth = 2, Width = recipe.GateWidth, LayerWise = true, Dropout = 0.2 };
        using var mixer = new XLoraMixer(adapters, gate) { BySequence = !byToken };
        byte[] before = Bytes(model, adapters);
        double stepTime = learns ? TrainGate(start, recipe, seed, mixer, f => progress(0.72 + 0.2 * f)) : 0;
        mixer.eval();
        int changed = before.AsSpan().SequenceEqual(Bytes(model, adapters)) ? 0 : 1;
        Tensor Gated(Tensor ids) => mixer.run(() => model.Hidden(ids), () => model.call(ids)).Output;
        double gated = Mean(Gated);
        using var top = new XLoraMixer(adapters, gate with { TopK = 1, SoftmaxKept = true }) { BySequence = !byToken };
        top.Classifier.load_state_dict(mixer.Classifier.state_dict());
        top.eval();
        double topOne = Mean(ids => top.run(() => model.Hidden(ids), () => model.call(ids)).Output);
        var random = new Random((int)(seed % int.MaxValue) ^ 0x5EED);
        double randomGate = Mean(ids =>
        {
            adapters.Mix = new RowLoraMix(tensor(Enumerable.Range(0, (int)ids.shape[0]).Select(_ => (long)random.Next(n)).ToArray()));
            return model.call(ids);
        });
        adapters.Mix = LoraMix.None;
        progress(0.95);
        var (mixedGated, mixedSequence, delay) = Mixed(start, recipe, adapters, Gated, mixer);
        var shown = Show(start, mixer);
        double identical = MadeIdentical(start, adapters, heldOut[0], Gated);
        return new()
        {
            Matrix = matrix, Gated = gated, TopOne = topOne, Uniform = uniform, Oracle = Enumerable.Range(0, n).Average(d => matrix[d, d]), SharedLora = shared, RandomGate = randomGate,
            MixedGated = mixedGated, MixedSequence = mixedSequence, Delay = delay, Identical = identical, Changed = changed, StepTime = stepTime, GateParameters = gate.ParameterCount(), Shown = shown,
        };
    }

    // On windows of one and of two domains by turns; the two passes against the time of one plain pass.
    private static double TrainGate(BaseModel start, XLoraRecipe recipe, long seed, XLoraMixer mixer, Action<double> progress)
    {
        var model = start.Model;
        var random = new Random((int)(seed % int.MaxValue) * 31 + 17);
        mixer.train();
        var watch = Stopwatch.StartNew();
        LanguageTraining.Train([.. mixer.parameters()], recipe.GateSteps, recipe.GateRate, _ =>
        {
            var batch = TokenWindows.Batch([.. Enumerable.Range(0, recipe.Batch).Select(i => i % 2 == 0 ? start.Train[i / 2 % start.Train.Count].Draw(random).ToArray() : TwoDomains(start.Train, random).Tokens)]);
            var ids = LanguageTraining.Inputs(batch);
            return LanguageTraining.Loss(mixer.run(() => model.Hidden(ids), () => model.call(ids)).Output, batch);
        }, progress);
        double gate = watch.Elapsed.TotalSeconds / recipe.GateSteps;
        using var scope = NewDisposeScope();
        var parameter = new TorchSharp.Modules.Parameter(zeros(1));
        watch.Restart();
        const int Plain = 3;
        for (int i = 0; i < Plain; i++)
        {
            var batch = start.Draw(random, recipe.Batch);
            (LanguageTraining.Loss(model.call(LanguageTraining.Inputs(batch)), batch) + parameter).sum().backward();
        }

        return gate / (watch.Elapsed.TotalSeconds / Plain);
    }

    private static (int[] Tokens, int First, int Second, int Border) TwoDomains(IReadOnlyList<TokenWindows> domains, Random random)
    {
        int first = random.Next(domains.Count), second = (first + 1 + random.Next(domains.Count - 1)) % domains.Count, length = domains[0].Length;
        int border = length / 4 + random.Next(length / 2);
        return ([.. domains[first].Draw(random)[..border], .. domains[second].Draw(random)[border..]], first, second, border);
    }

    private static (double Gated, double Sequence, double Delay) Mixed(BaseModel start, XLoraRecipe recipe, LoraModel adapters, Func<Tensor, Tensor> gated, XLoraMixer mixer)
    {
        using var guard = no_grad();
        // The windows are the same for every seed.
        var random = new Random(20260108);
        int n = start.Names.Count, length = start.Recipe.Size.Context;
        var windows = Enumerable.Range(0, recipe.Windows).Select(_ => TwoDomains(start.HeldOut, random)).ToArray();
        double token = 0, sequence = 0, delay = 0;
        foreach (var part in windows.Chunk(16))
        {
            using var scope = NewDisposeScope();
            var batch = TokenWindows.Batch([.. part.Select(static w => w.Tokens)]);
            var ids = LanguageTraining.Inputs(batch);
            token += LanguageTraining.LossPerWindow(gated(ids), batch).sum().item<float>();
            // Every adapter alone, all alike, and the halves of the two domains that are there.
            var candidates = new List<Tensor>();
            foreach (var weights in Enumerable.Range(0, n).Select(a => eye(n)[a].expand(part.Length, n)).Append(full(part.Length, n, 1.0 / n))
                .Append(tensor([.. part.SelectMany(w => Enumerable.Range(0, n).Select(a => a == w.First || a == w.Second ? 0.5f : 0))], part.Length, n)))
            {
                adapters.Mix = new ScaledLoraMix(weights);
                candidates.Add(LanguageTraining.LossPerWindow(start.Model.call(ids), batch));
            }

            adapters.Mix = LoraMix.None;
            sequence += stack(candidates, 0).amin([0L]).sum().item<float>();
            var scalings = mixer.run(() => start.Model.Hidden(ids), () => start.Model.call(ids)).Scalings.mean([2L]);
            long[] leaders = scalings.argmax(-1).flatten().data<long>().ToArray();
            for (int i = 0; i < part.Length; i++) delay += Delayed(leaders.AsSpan(i * length, length), part[i].Second, part[i].Border);
        }

        return (token / windows.Length, sequence / windows.Length, delay / windows.Length);
    }

    /// <summary>Tokens after the border until an adapter leads in four of five tokens running; the rest of the window where it never does.</summary>
    public static int Delayed(ReadOnlySpan<long> leaders, int adapter, int border)
    {
        const int Run = 5, Enough = 4;
        for (int at = border; at + Run <= leaders.Length; at++)
        {
            int leads = 0;
            foreach (long leader in leaders.Slice(at, Run)) leads += leader == adapter ? 1 : 0;
            if (leads >= Enough) return at - border;
        }

        return leaders.Length - border;
    }

    private static (IReadOnlyList<string>, IReadOnlyList<KeyValuePair<string, Routing>>) Show(BaseModel start, XLoraMixer mixer)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        // A part of every domain in one window.
        int n = start.Names.Count, length = start.Recipe.Size.Context;
        int[] tokens = [.. Enumerable.Range(0, n).SelectMany(d => start.HeldOut[d].Tokens.Skip(length).Take(length / n))];
        var ids = tensor(Array.ConvertAll(tokens, static t => (long)t), 1, tokens.Length);
        var scalings = mixer.run(() => start.Model.Hidden(ids), () => start.Model.call(ids)).Scalings;
        return ([.. tokens.Select(start.Tokenizer.Text)], [.. Enumerable.Range(0, (int)scalings.shape[^2]).Select(l => new KeyValuePair<string, Routing>(mixer.Layers[l], XLoraMixer.snapshot(scalings, l)))]);
    }

    // All adapters made the first one. Losses are means over thousands of tokens, so that their rounding is small.
    private static double MadeIdentical(BaseModel start, LoraModel adapters, IReadOnlyList<int[]> windows, Func<Tensor, Tensor> gated)
    {
        using (no_grad())
        {
            foreach (string layer in adapters.Wrapped)
            {
                var bank = adapters.Layer(layer);
                foreach (string name in start.Names.Skip(1))
                {
                    bank.A(name).copy_(bank.A(start.Names[0]));
                    bank.B(name).copy_(bank.B(start.Names[0]));
                }
            }
        }

        adapters.Mix = LoraMix.Of(start.Names[0]);
        double alone = LanguageTraining.Evaluate(windows, ids => start.Model.call(ids));
        return Math.Abs(alone - LanguageTraining.Evaluate(windows, gated));
    }

    private static byte[] Bytes(params ReadOnlySpan<nn.Module> modules)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var module in modules)
        {
            foreach (var (_, value) in module.state_dict()) hash.AppendData(value.bytes);
        }

        return hash.GetHashAndReset();
    }
}
