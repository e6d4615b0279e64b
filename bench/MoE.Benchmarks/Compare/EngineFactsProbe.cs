using System.Diagnostics;

namespace MoE.Benchmarks;

/// <summary>Measures <see cref="EngineFacts"/>.</summary>
internal static class EngineFactsProbe
{
    /// <summary>The argument that makes this program keep a core busy until it is killed.</summary>
    public const string Spin = "keep-a-core-busy";

    private const int Neighbours = 4, Runs = 9, Tokens = 512;

    private static readonly (string Name, ExpertPrecision Precision)[] s_formats =
    [
        ("fp32", ExpertPrecision.Single), ("bf16", new(WeightFormat.BFloat16)), ("int8", new(WeightFormat.Int8PerBlock, ActivationFormat.Int8)), ("int4", new(WeightFormat.Int4PerBlock, ActivationFormat.Int8)),
    ];

    /// <summary>First and second call of a small layer; meaningful once per process, before any other call.</summary>
    public static (double First, double Second) Calls()
    {
        var spec = new BenchConfig("", 4, 2, 64, 64).ToLayerSpec();
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, Noise(shape.Aggregate(1, static (a, b) => a * b)), shape);
        float[] x = Noise(16 * 64), y = new float[x.Length];
        double first = Time(() =>
        {
            using var engine = new ManagedMoEEngine(spec, weights);
            engine.Forward(x, y);
        });
        return (first, Time(() =>
        {
            using var engine = new ManagedMoEEngine(spec, weights);
            engine.Forward(x, y);
        }));
    }

    /// <summary>Packing and the busy machine.</summary>
    public static EngineFacts Measure((double First, double Second) calls, CancellationToken cancellation)
    {
        using var model = new LayerModel(BenchConfig.A, Tokens);
        var spec = BenchConfig.A.ToLayerSpec();
        double count = 3.0 * BenchConfig.A.Experts * BenchConfig.A.Width * BenchConfig.A.ExpertWidth;
        var packing = s_formats.Select(f =>
        {
            cancellation.ThrowIfCancellationRequested();
            MoEFeedForward layer = null!;
            double ms = Time(() => layer = new MoEFeedForward(spec, model.Weights, f.Precision));
            using (layer) return new PackingFact(f.Name, ms, layer.PackedBytes / count);
        }).ToList();
        var (one, two) = Busy(model, spec, cancellation);
        return new EngineFacts { FirstCallMs = calls.First, SecondCallMs = calls.Second, Packing = packing, BusyOneThreadMs = one, BusyTwoThreadsMs = two };
    }

    private static (double One, double Two) Busy(LayerModel model, MoELayerSpec spec, CancellationToken cancellation)
    {
        using var one = new ManagedMoEEngine(spec, model.Weights, 1);
        using var two = new ManagedMoEEngine(spec, model.Weights, 2);
        float[] x = model.Tokens.Inputs(Tokens)[0].ToSingles(), y = new float[x.Length];
        one.Forward(x, y);
        two.Forward(x, y);
        var neighbours = new List<Process>();
        try
        {
            for (int i = 0; i < Neighbours; i++) neighbours.Add(Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Self, Spin]))!);
            var (ones, twos) = (new List<double>(), new List<double>());
            for (int i = 0; i < Runs; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                ones.Add(Time(() => one.Forward(x, y)));
                twos.Add(Time(() => two.Forward(x, y)));
            }

            return (ones.Order().ElementAt(Runs / 2), twos.Order().ElementAt(Runs / 2));
        }
        finally
        {
            foreach (var process in neighbours)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }

    /// <summary>Keeps a core busy.</summary>
    public static void KeepBusy()
    {
        // A parent that dies without killing leaves nothing behind for long.
        long end = Stopwatch.GetTimestamp() + 120 * Stopwatch.Frequency;
        double x = 1;
        while (Stopwatch.GetTimestamp() < end)
        {
            for (int i = 0; i < 1000; i++) x = Math.Sqrt(x + i);
        }

        GC.KeepAlive(x);
    }

    // `dotnet program.dll` starts by the host; a program of its own does not.
    private static string[] Self => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(EngineFactsProbe).Assembly.Location] : [];

    private static float[] Noise(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private static double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
