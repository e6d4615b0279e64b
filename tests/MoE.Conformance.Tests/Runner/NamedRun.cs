namespace MoE.Conformance.Runner;

/// <summary>Compares what a <see cref="NamedPlan"/> gives on an engine with what the file records.</summary>
internal static class NamedRun
{
    public static IEnumerable<Comparison> Outputs(GoldenCase golden, NamedPlan plan, IEnumerable<string> given, Func<string, GoldenTensor?> value)
    {
        foreach (var (key, recorded) in golden.Outputs)
        {
            if (recorded.Tensor is not { } expected)
            {
                // A value the peer leaves open (null) says nothing.
                if (recorded.Json.ValueKind != System.Text.Json.JsonValueKind.Null) yield return new Comparison(0, $"outputs.{key} is not a tensor");
                continue;
            }

            var tolerance = Tolerance.Of(plan.LayerOutputs.Contains(key) ? Quantity.Output : Quantity.Weights, expected.Type, golden.Case);
            yield return value(key) is { } actual
                ? Comparison.Of($"outputs.{key}", expected, actual, tolerance)
                : new Comparison(0, $"outputs.{key} is not given by the adapter");
        }

        foreach (var missing in Missing(golden, given)) yield return missing;
    }

    // What the adapter gives is what the peer always records; names with a tilde are its own.
    private static IEnumerable<Comparison> Missing(GoldenCase golden, IEnumerable<string> given) =>
        given.Where(key => !golden.Outputs.ContainsKey(key) && !key.StartsWith('~')).Select(static key => new Comparison(0, $"outputs.{key} is missing from the file"));

    public static IEnumerable<Comparison> Gradients(GoldenCase golden, NamedPlan plan, Func<Derivative, Func<string, GoldenTensor>> differentiate)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var derivative in plan.Derivatives)
        {
            var links = derivative.Variables.Where(link => link.PeerNames.Any(golden.Grads.ContainsKey)).ToArray();
            if (links.Length == 0) continue;
            var gradient = differentiate(derivative);
            foreach (var link in links)
            {
                GoldenTensor[] whole = [.. link.PeerNames.Select(name => golden.Grads.GetValueOrDefault(name)?.Tensor).OfType<GoldenTensor>().Where(static t => t.Kind == ElementKind.Real)];
                foreach (var (name, actual) in link.PeerNames.Zip(link.Layout.ToPeer([.. link.LibraryNames.Select(gradient)])))
                {
                    if (!golden.Grads.TryGetValue(name, out var recorded)) continue;
                    seen.Add(name);
                    yield return recorded.Tensor is { } expected
                        ? Comparison.Of($"grads.{name}", expected, actual, Tolerance.OfGradient(expected.Type, golden.Case), whole)
                        : new Comparison(0, $"grads.{name} is not a tensor");
                }
            }
        }

        foreach (string key in golden.Grads.Keys.Where(k => !seen.Contains(k))) yield return new Comparison(0, $"grads.{key} is not mapped by the adapter");
    }
}
