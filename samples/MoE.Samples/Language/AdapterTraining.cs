using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>Adapters trained one by one on a frozen base, kept as PEFT folders.</summary>
public static class AdapterTraining
{
    /// <summary>Trains adapters, each on what <paramref name="draw"/> gives it; those that the cache holds are taken from there.</summary>
    /// <param name="model">The base; frozen while the adapters are attached.</param>
    /// <param name="pattern">Layers that carry adapters.</param>
    /// <param name="adapters">Names and forms.</param>
    /// <param name="steps">Steps of one adapter.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="seed">Seeds initial weights and draws.</param>
    /// <param name="draw">From (random, number of the adapter) to [B, T + 1].</param>
    /// <param name="place">Where finished ones are kept, or null.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    /// <returns>The adapters on the model; the caller's.</returns>
    public static LoraModel Train(TinyTransformer model, string pattern, IReadOnlyList<KeyValuePair<string, LoraSpec>> adapters, int steps, double rate, long seed, Func<Random, int, Tensor> draw, string? place, Action<double> progress)
    {
        using var generator = new Generator((ulong)seed);
        var lora = LoraModel.Attach(model, pattern, adapters, generator);
        try
        {
            for (int i = 0; i < adapters.Count; i++)
            {
                string name = adapters[i].Key;
                string? folder = place is null ? null : Path.Combine(place, name);
                if (folder is not null && TryTake(lora, model, pattern, name, folder)) continue;
                lora.Mix = LoraMix.Of(name);
                lora.train();
                var random = new Random((int)(seed % int.MaxValue) * 31 + i);
                var own = lora.named_parameters().Where(p => p.name.Contains($".{name}.", StringComparison.Ordinal)).Select(static p => p.parameter).ToArray();
                int done = i;
                LanguageTraining.Train(own, steps, rate, _ =>
                {
                    var batch = draw(random, done);
                    return LanguageTraining.Loss(model.call(LanguageTraining.Inputs(batch)), batch);
                }, f => progress((done + f) / adapters.Count));
                lora.eval();
                if (folder is not null) lora.Save(name, folder);
            }

            lora.eval();
            lora.Mix = LoraMix.None;
            return lora;
        }
        catch
        {
            lora.Dispose();
            throw;
        }
    }

    // Loaded beside the model and copied: what does not fit is made again.
    private static bool TryTake(LoraModel lora, TinyTransformer model, string pattern, string name, string folder)
    {
        if (!Directory.Exists(folder)) return false;
        try
        {
            using var other = LoraModel.Load(model, [new(name, folder)]);
            if (!other.Wrapped.SequenceEqual(lora.Wrapped) || other.Wrapped.Any(l => other.Layer(l).Spec(name) != lora.Layer(l).Spec(name))) return false;
            using var guard = no_grad();
            foreach (string layer in lora.Wrapped)
            {
                lora.Layer(layer).A(name).copy_(other.Layer(layer).A(name));
                lora.Layer(layer).B(name).copy_(other.Layer(layer).B(name));
            }

            return true;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return false;
        }
    }
}
