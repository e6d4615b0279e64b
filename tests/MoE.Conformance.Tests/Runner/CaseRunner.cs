namespace MoE.Conformance.Runner;

/// <summary>How a row ended.</summary>
internal enum Outcome
{
    Passed,
    Failed,
    Skipped,
}

/// <summary>The result of a row.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Values">Number of values compared.</param>
/// <param name="Message">Why it failed or was skipped, or what is worth knowing; or null.</param>
internal sealed record RowResult(Outcome Outcome, long Values, string? Message);

/// <summary>Runs rows.</summary>
internal sealed class CaseRunner(IReadOnlyList<IAdapter> adapters, IReadOnlyList<IEngine> engines)
{
    /// <summary>Runs a row; never throws because of what a file holds.</summary>
    public RowResult Run(Row row)
    {
        switch (row.Kind)
        {
            case RowKind.Unclaimed: return new RowResult(Outcome.Skipped, 0, row.Reason);
            case RowKind.Unreadable or RowKind.NoCase: return new RowResult(Outcome.Failed, 0, row.Reason);
        }

        if (row.Kind == RowKind.Gradient && row.Golden!.Grads.Count == 0)
            return new RowResult(Outcome.Skipped, 0, "the file records no gradient");
        try
        {
            return Compare(row.Golden!, row.Engine, row.Kind == RowKind.Gradient);
        }
        catch (Exception e)
        {
            return new RowResult(Outcome.Failed, 0, $"{e.GetType().Name}: {e.Message}");
        }
    }

    private RowResult Compare(GoldenCase golden, string engineName, bool gradients)
    {
        var plan = Plan(golden);
        var engine = engines.FirstOrDefault(e => e.Name == engineName) ?? throw new InvalidDataException($"there is no engine {engineName}");
        if (plan is NamedPlan named) return CompareNamed(golden, named, engine, gradients);
        string? note = null;
        var run = engine.Run(plan, null, gradients);
        try
        {
            var choice = RecordedChoice.Of(golden, plan, run);
            if (choice is not null && choice.DifferingTokens() is { Count: > 0 } differing)
            {
                if (!golden.ByValue) return Failed(choice.Describe(differing[0]));
                if (NotATie(golden, plan, run, choice, differing) is { } problem) return Failed(problem);
                note = $"{differing.Count} ties replayed";
                var replay = choice.Experts;
                run.Dispose();
                run = engine.Run(plan, replay, gradients);
                choice = RecordedChoice.Of(golden, plan, run);
            }

            if (choice is { IsOrdered: true, SameOrder: false } && !golden.Unordered && !golden.ByValue)
                return Failed("the same experts in another order: " + choice.Describe(choice.FirstDifference));
            var comparisons = gradients ? Gradients(golden, plan, run, choice) : Outputs(golden, plan, run, choice);
            return Judge(comparisons, note);
        }
        finally
        {
            run.Dispose();
        }
    }

    private static RowResult CompareNamed(GoldenCase golden, NamedPlan plan, IEngine engine, bool gradients)
    {
        string? note = null;
        var run = engine.Run(plan, null, gradients);
        try
        {
            if (plan.ExpertsOutput is { } key && (golden.ByValue || golden.Unordered) && golden.Outputs.GetValueOrDefault(key)?.Tensor is { } recorded
                && RecordedChoice.Between(recorded, run.Value(key)) is { SameOrder: false } choice)
            {
                var differing = choice.DifferingTokens();
                if (differing.Count > 0 && !golden.ByValue) return Failed(choice.Describe(differing[0]));
                float[] logits = plan.RouterLogits?.ToSingles() ?? (differing.Count == 0 ? [] : run.Value("~logits").ToSingles());
                int experts = plan.Router?.Experts ?? 0;
                foreach (int t in differing)
                {
                    if (!TieCheck.Allows(plan.Router!, logits.AsSpan(t * experts, experts), [], choice.OfToken(t), golden.Type))
                        return Failed($"not a tie: {choice.Describe(t)}");
                }

                note = differing.Count == 0 ? null : $"{differing.Count} ties replayed";
                run.Dispose();
                run = engine.Run(plan, recorded, gradients);
            }

            return Judge(
                gradients
                    ? NamedRun.Gradients(golden, plan, derivative =>
                    {
                        run.Differentiate(derivative.Output, derivative.Cotangent);
                        foreach (string also in derivative.Also) run.Differentiate(also, null, add: true);
                        return run.Gradient;
                    })
                    : NamedRun.Outputs(golden, plan, run.GivenKeys, key => run.Has(key) ? run.Value(key) : null),
                note);
        }
        finally
        {
            run.Dispose();
        }
    }

    private CasePlan Plan(GoldenCase golden)
    {
        var make = adapters.Where(a => a.Peer == golden.Peer).Select(a => a.Functions.GetValueOrDefault(golden.Function)).FirstOrDefault(static f => f is not null)
            ?? throw new InvalidDataException($"no adapter maps {golden.Peer}/{golden.Function}");
        var reader = new CaseReader(golden);
        var plan = make(reader);
        return reader.Unread() is { Count: > 0 } unread
            ? throw new InvalidDataException($"the adapter does not map {string.Join(", ", unread)}")
            : plan;
    }

    private static string? NotATie(GoldenCase golden, CasePlan plan, IEngineRun run, RecordedChoice choice, IReadOnlyList<int> tokens)
    {
        var logits = run.Value(Quantity.Logits).ToSingles();
        float[] bias = (plan as RoutedPlan)?.SelectionBias?.ToSingles() ?? [];
        int experts = plan.Choice!.Experts;
        foreach (int t in tokens)
        {
            if (!TieCheck.Allows(plan.Choice, logits.AsSpan(t * experts, experts), bias, choice.OfToken(t), golden.Type))
                return $"not a tie: {choice.Describe(t)}";
        }

        return null;
    }

    private static IEnumerable<Comparison> Outputs(GoldenCase golden, CasePlan plan, IEngineRun run, RecordedChoice? choice)
    {
        foreach (var (key, recorded) in golden.Outputs)
        {
            if (!plan.Outputs.TryGetValue(key, out var quantity))
            {
                yield return new Comparison(0, $"outputs.{key} is not mapped by the adapter");
                continue;
            }

            if (recorded.Tensor is not { } expected)
            {
                yield return new Comparison(0, $"outputs.{key} is not a tensor");
                continue;
            }

            var actual = run.Value(quantity);
            if (choice is { SameOrder: false } && quantity is Quantity.Weights or Quantity.ChosenLogits or Quantity.Experts)
                actual = actual.TakeColumns(choice!.LivePlaces());
            yield return Comparison.Of($"outputs.{key}", expected, actual, Tolerance.Of(quantity, expected.Type, golden.Case));
        }

        foreach (string key in plan.Outputs.Keys.Where(k => !golden.Outputs.ContainsKey(k)))
            yield return new Comparison(0, $"outputs.{key} is missing from the file");
    }

    private static IEnumerable<Comparison> Gradients(GoldenCase golden, CasePlan plan, IEngineRun run, RecordedChoice? choice)
    {
        var cotangent = plan.Cotangent;
        // Positions of the cotangent are the peer's: it follows the engine's order of the same experts.
        if (cotangent is not null && choice is { SameOrder: false } && plan.Differentiated is Quantity.Weights or Quantity.ChosenLogits)
            cotangent = cotangent!.TakeColumns(choice!.RecordedPlaces());
        run.Differentiate(plan.Differentiated, cotangent);
        var gradients = new Dictionary<string, (GoldenTensor Value, GoldenTensor[] Whole)>(StringComparer.Ordinal);
        foreach (var link in plan.Variables.Where(link => link.PeerNames.Any(golden.Grads.ContainsKey)))
        {
            var values = link.Layout.ToPeer([.. link.LibraryNames.Select(run.Gradient)]);
            GoldenTensor[] whole = [.. link.PeerNames.Select(name => golden.Grads.GetValueOrDefault(name)?.Tensor).OfType<GoldenTensor>().Where(static t => t.Kind == ElementKind.Real)];
            foreach (var (name, value) in link.PeerNames.Zip(values)) gradients.Add(name, (value, whole));
        }

        foreach (var (key, recorded) in golden.Grads)
        {
            if (!gradients.TryGetValue(key, out var actual)) yield return new Comparison(0, $"grads.{key} is not mapped by the adapter");
            else if (recorded.Tensor is not { } expected) yield return new Comparison(0, $"grads.{key} is not a tensor");
            else yield return Comparison.Of($"grads.{key}", expected, actual.Value, Tolerance.OfGradient(expected.Type, golden.Case), actual.Whole);
        }
    }

    private static RowResult Judge(IEnumerable<Comparison> comparisons, string? note)
    {
        long values = 0;
        int keys = 0;
        var problems = new List<string>();
        foreach (var comparison in comparisons)
        {
            keys++;
            values += comparison.Values;
            if (comparison.Problem is not null) problems.Add(comparison.Problem);
        }

        if (keys == 0) problems.Add("the file records nothing to compare");
        return problems.Count == 0
            ? new RowResult(Outcome.Passed, values, note)
            : new RowResult(Outcome.Failed, values, string.Join("; ", note is null ? problems : problems.Prepend(note)));
    }

    private static RowResult Failed(string problem) => new(Outcome.Failed, 0, problem);
}
