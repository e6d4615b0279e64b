using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Refuses logits that cannot be routed. Only CPU tensors are looked at: elsewhere the look would wait for the device.</summary>
internal static class LogitCheck
{
    public static void Throw(Tensor logits, GateContext context, string name = "logits")
    {
        if (context.SkipLogitCheck || logits.device_type != DeviceType.CPU || logits.numel() == 0) return;
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var values_TE = logits.detach();
        if (context.Padding is { } padding) values_TE = values_TE.masked_fill(padding.unsqueeze(1), 0);
        // The largest logit of a token is NaN if any is, +infinity if any is, -infinity if all are.
        var open_TE = context.ClosedExperts is { } closed ? values_TE.masked_fill(closed.unsqueeze(0).logical_and(values_TE.isfinite()), double.NegativeInfinity) : values_TE;
        var bad_T = open_TE.amax([1]).isfinite().logical_not();
        if (!bad_T.any().item<bool>()) return;
        long token = bad_T.to(ScalarType.Int64).argmax().item<long>();
        float[] row = values_TE[token].to(ScalarType.Float32).data<float>().ToArray();
        int expert = Array.FindIndex(row, static l => float.IsNaN(l) || float.IsPositiveInfinity(l));
        throw expert >= 0
            ? new ArgumentException($"{name}[{token}, {expert}] = {row[expert]}: must be finite or -infinity", name)
            : new ArgumentException($"{name}[{token}, *]: every open expert has -infinity; one must be finite", name);
    }
}

/// <summary>Refuses ids that name nothing. Only CPU tensors are looked at.</summary>
internal static class IdCheck
{
    /// <summary>Every given expert is one, or -1; not looked at where the context says so.</summary>
    public static void Given(Tensor ids, int experts, GateContext context)
    {
        if (!context.SkipLogitCheck) Throw(ids, -1, experts, "givenExperts");
    }

    /// <summary>Every id is in least..end-1.</summary>
    public static void Throw(Tensor ids, long least, long end, string name)
    {
        if (ids.device_type != DeviceType.CPU || ids.numel() == 0) return;
        using var scope = NewDisposeScope();
        var bad = ids.lt(least).logical_or(ids.ge(end)).flatten();
        if (!bad.any().item<bool>()) return;
        long at = bad.to(ScalarType.Int64).argmax().item<long>();
        string where = ids.dim() == 2 ? $"{at / ids.shape[1]}, {at % ids.shape[1]}" : $"{at}";
        throw new ArgumentException($"{name}[{where}] = {ids.flatten()[at].item<long>()}: must be {(least < 0 ? "-1 (none) or " : "")}in 0..{end - 1}", name);
    }
}
