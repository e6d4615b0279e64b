using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Merging adapters of one layer into factors of one adapter with scale 1.</summary>
internal static class LoraMerge
{
    /// <summary>The part of the name of a draw that follows its layer and adapter.</summary>
    public const string NoisePurpose = "merge";

    /// <summary>The merged factors.</summary>
    /// <param name="bank">The layer's adapters.</param>
    /// <param name="parts">Names and weights.</param>
    /// <param name="spec">The rule.</param>
    /// <param name="scope">The layer's path, first part of the names of draws.</param>
    /// <param name="noise">For DARE.</param>
    public static (Tensor A, Tensor B) Of(LoraBank bank, IReadOnlyList<KeyValuePair<string, double>> parts, LoraMergeSpec spec, string scope, INoiseSource? noise)
    {
        using var outer = NewDisposeScope();
        using var guard = no_grad();
        var (a, b) = spec.Kind == LoraMergeKind.Concatenate ? Concatenated(bank, parts) : spec.SvdRank is { } rank ? Svd(bank, parts, spec, rank, scope, noise) : Factors(bank, parts, spec, scope, noise);
        return (a.MoveToOuterDisposeScope(), b.MoveToOuterDisposeScope());
    }

    private static (Tensor A, Tensor B) Concatenated(LoraBank bank, IReadOnlyList<KeyValuePair<string, double>> parts) => (
        cat([.. parts.Select(p => bank.A(p.Key).mul(p.Value * bank.Spec(p.Key).Scale))], 0),
        cat([.. parts.Select(p => (Tensor)bank.B(p.Key))], 1));

    private static (Tensor A, Tensor B) Factors(LoraBank bank, IReadOnlyList<KeyValuePair<string, double>> parts, LoraMergeSpec spec, string scope, INoiseSource? noise)
    {
        // The sign goes to one side only; on both it would cancel.
        double[] signed = [.. parts.Select(p => p.Value * bank.Spec(p.Key).Scale)];
        return (
            Combined([.. parts.Select(p => (p.Key + ".A", (Tensor)bank.A(p.Key)))], [.. signed.Select(static w => Math.Sign(w) * Math.Sqrt(Math.Abs(w)))], spec, scope, noise),
            Combined([.. parts.Select(p => (p.Key + ".B", (Tensor)bank.B(p.Key)))], [.. signed.Select(static w => Math.Sqrt(Math.Abs(w)))], spec, scope, noise));
    }

    private static (Tensor A, Tensor B) Svd(LoraBank bank, IReadOnlyList<KeyValuePair<string, double>> parts, LoraMergeSpec spec, int rank, string scope, INoiseSource? noise)
    {
        // PEFT multiplies by the scale twice here: delta_weight already holds it. The weights alone are meant.
        var delta = Combined([.. parts.Select(p => (p.Key, bank.delta_weight(p.Key)))], [.. parts.Select(static p => p.Value)], spec, scope, noise);
        var matrix = bank is EmbeddingLoraBank ? delta.t() : delta.flatten(1);
        var (u, s, vh) = linalg.svd(matrix.to(ScalarType.Float64), fullMatrices: false);
        long kept = Math.Min(rank, s.shape[0]);
        var b = (u.narrow(1, 0, kept) * s.narrow(0, 0, kept)).to(delta.dtype);
        var a = vh.narrow(0, 0, kept).to(delta.dtype);
        if (kept < rank)
        {
            a = cat([a, zeros(rank - kept, a.shape[1], dtype: a.dtype, device: a.device)], 0);
            b = cat([b, zeros(b.shape[0], rank - kept, dtype: b.dtype, device: b.device)], 1);
        }

        return bank is ConvolutionLoraBank ? (a.view([rank, .. delta.shape[1..]]), b.view(-1, rank, 1, 1)) : (a, b);
    }

    private static Tensor Combined(IReadOnlyList<(string Name, Tensor Values)> parts, double[] weights, LoraMergeSpec spec, string scope, INoiseSource? noise)
    {
        var pruned = parts.Select(p => Pruned(p.Name, p.Values, spec, scope, noise)).ToArray();
        var stack = torch.stack(pruned, 0);
        var weighted = stack * tensor(weights).to(stack.dtype, stack.device).view([-1, .. Enumerable.Repeat(1L, (int)stack.dim() - 1)]);
        if (spec.Kind is not (LoraMergeKind.Ties or LoraMergeKind.DareTies)) return weighted.sum(0L);
        var sign = stack.sign();
        var elected = (spec.SignByCount ? sign : stack).sum(0L).ge(0).to(stack.dtype).mul(2).sub(1);
        var agrees = sign.eq(elected).to(stack.dtype);
        return (weighted * agrees).sum(0L) / agrees.sum(0L).clamp_min(1);
    }

    private static Tensor Pruned(string name, Tensor values, LoraMergeSpec spec, string scope, INoiseSource? noise)
    {
        if (spec.Density >= 1 || spec.Kind == LoraMergeKind.Linear) return values;
        if (spec.Kind is LoraMergeKind.DareLinear or LoraMergeKind.DareTies)
        {
            var context = new GateContext { Noise = noise, NoiseScope = $"{scope}.{name}" };
            return values * NoiseDraw.Of(context, NoisePurpose, NoiseKind.Uniform, values.shape, values).lt(spec.Density).to(values.dtype) / spec.Density;
        }

        // PEFT: int(density * n) of the largest absolute values.
        int kept = (int)(spec.Density * values.numel());
        var flat = values.flatten();
        var (_, at) = flat.abs().topk(kept);
        return (flat * zeros_like(flat).scatter_(0, at, ones_like(at, dtype: flat.dtype))).view(values.shape);
    }
}
