using System.Diagnostics.CodeAnalysis;

namespace MoE.Benchmarks;

/// <summary>Runs the promised cases: for each configuration the model once, for each thread count the contenders once, for each case first the answers and then the times.</summary>
internal sealed class CompareRun : IDisposable
{
    private readonly CompareSize _size;
    private readonly ICompareView _view;
    private readonly TimeProvider _clock;
    private readonly MachineProbes _probes = new();
    private readonly List<CompareRow> _rows = [];
    private readonly List<string> _problems = [];

    public CompareRun(CompareSize size, ICompareView view, TimeProvider clock)
    {
        _size = size;
        _view = view;
        _clock = clock;
    }

    /// <summary>Runs until done or cancelled; what was measured by then is in the outcome.</summary>
    public CompareOutcome Run(IReadOnlyList<PromisedCase> promised, bool withFacts, CancellationToken cancellation)
    {
        var date = _clock.GetUtcNow();
        bool cancelled = false;
        EngineFacts? facts = null;
        var calls = EngineFactsProbe.Calls();
        _view.Begin(promised.Count);
        try
        {
            foreach (var sameWeights in promised.GroupBy(static p => p.Case.Config)) RunModel(sameWeights.Key, [.. sameWeights], cancellation);
            if (withFacts)
            {
                _view.Doing("packing, and a busy machine");
                facts = EngineFactsProbe.Measure(calls, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            cancelled = true;
        }

        var report = new CompareReport
        {
            Date = date,
            Machine = Machine.Describe(),
            Cores = Environment.ProcessorCount,
            FmaProbeGflops = _probes.Medians(static p => p.FmaGflops),
            ReadProbeGbs = _probes.Medians(static p => p.ReadGbs),
            Rows = _rows,
            Engine = facts,
        };
        return new CompareOutcome(report, _problems, PromiseTable.Missing(promised, _rows.Select(static r => (r.Case, r.Contender))), cancelled);
    }

    /// <inheritdoc/>
    public void Dispose() => _probes.Dispose();

    private void RunModel(BenchConfig config, IReadOnlyList<PromisedCase> cases, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        _view.Doing($"{config.Name}: weights and inputs");
        int maxTokens = cases.Max(static p => p.Case.Tokens);
        using IBenchModel model = config.Rank > 0 ? new AdapterModel(config, maxTokens) : config.Width == 0 ? new RouterModel(config, maxTokens) : new LayerModel(config, maxTokens);
        foreach (var sameContenders in cases.GroupBy(static p => (p.Case.Mode, p.Case.DType, p.Case.Threads)))
        {
            using var team = new Contenders(model, sameContenders.First().Case);
            foreach (var promised in sameContenders) RunCase(model, team, promised, cancellation);
        }
    }

    private void RunCase(IBenchModel model, Contenders team, PromisedCase promised, CancellationToken cancellation)
    {
        var @case = promised.Case;
        var rows = new List<CompareRow>();
        var (contenders, agreements) = Admit(model, team, promised, cancellation);
        if (contenders.Count > 0)
        {
            _view.Doing($"{@case}: timing");
            // Garbage of the preparation is not collected at a contender's cost.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var samples = new Alternation(_clock, _probes.EmptyCaches).Measure(contenders, SamplePlan.For(@case.Mode, _size), AfterRound, cancellation);
            var measured = contenders.Select((c, i) => new MeasuredContender(c.Name, SampleSummary.Of(samples[i]), agreements[i].MaxAbsDiff));
            rows.AddRange(CompareRow.Of(new MeasuredCase(@case, _probes.EndCase(), model.WeightBytes(@case), [.. measured])));
        }

        _rows.AddRange(rows);
        _view.Done(@case, rows);

        void AfterRound()
        {
            if (@case.Mode != BenchMode.Router) _probes.Turn(@case.Threads);
            _view.Tick();
        }
    }

    // The contenders that exist and agree with the reference.
    private (List<IContender> Contenders, List<Agreement> Agreements) Admit(IBenchModel model, Contenders team, PromisedCase promised, CancellationToken cancellation)
    {
        var admitted = new List<IContender>();
        var agreements = new List<Agreement>();
        _view.Doing($"{promised.Case}: reference");
        var references = model.References(promised.Case).ToList();
        foreach (string name in promised.Contenders)
        {
            cancellation.ThrowIfCancellationRequested();
            _view.Doing($"{promised.Case}: answers of {name}");
            if (!TryAnswer(team, name, promised.Case, references, out var contender, out var agreement)) continue;
            admitted.Add(contender);
            agreements.Add(agreement);
        }

        return (admitted, agreements);
    }

    private bool TryAnswer(Contenders team, string name, BenchCase @case, List<(int Input, Answer Answer)> references, [NotNullWhen(true)] out IContender? contender, out Agreement agreement)
    {
        agreement = default;
        contender = null;
        try
        {
            contender = team.Get(name);
            contender.Prepare(@case.Tokens);
            foreach (var (input, expected) in references)
            {
                contender.Run(input);
                agreement = agreement.And(Agreement.Of(contender.Read(), expected, Tolerance.For(@case)));
            }
        }
        // One broken contender does not end the run; it ends up among the missing.
        catch (Exception e) when (e is not OperationCanceledException)
        {
            agreement = new Agreement(double.NaN, $"{e.GetType().Name}: {e.Message}");
        }

        if (contender is not null && agreement.Problem is null) return true;
        string problem = $"{@case} {name}: {agreement.Problem}";
        _problems.Add(problem);
        _view.Problem(problem);
        return false;
    }

    // Contenders of one mode, type and thread count, made when first asked for.
    private sealed class Contenders(IBenchModel model, BenchCase like) : IDisposable
    {
        private readonly Dictionary<string, IContender> _made = [];

        public IContender Get(string name)
        {
            if (!_made.TryGetValue(name, out var contender)) _made[name] = contender = model.Contender(name, like);
            return contender;
        }

        public void Dispose()
        {
            foreach (var contender in _made.Values) contender.Dispose();
        }
    }
}
