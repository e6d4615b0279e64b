using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using MoE.Onnx;

namespace MoE.Benchmarks;

/// <summary>The verb <c>latency</c>: what a call takes when several callers call at once.</summary>
internal static class LatencyCommand
{
    private const double MiB = 1 << 20;

    /// <summary>The verb with its options.</summary>
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = "the layer, A or B", DefaultValueFactory = static _ => "A" };
        config.AcceptOnlyFromAmong([.. BenchConfig.Layers.Select(static c => c.Name)]);
        var callers = Number("--callers", "callers at once", 4, 1, 64);
        var seconds = Number("--seconds", "how long each measurement takes", 2, 1, 60);
        var json = new Option<string>("--json") { Description = "where the report goes", HelpName = "FILE", DefaultValueFactory = static _ => Path.Combine("artifacts", "bench", "latency.json") };
        var only = new Option<string?>("--only") { Description = "only the contenders whose name holds this", HelpName = "TEXT" };
        var command = new Command("latency", "Times calls of a layer by several callers at once: median and 99th percentile, and what opening it costs.") { config, callers, seconds, json, only };
        command.SetAction(result => Run(BenchConfig.Named(result.GetRequiredValue(config)), result.GetValue(callers), result.GetValue(seconds), result.GetRequiredValue(json), result.GetValue(only)));
        return command;
    }

    private static int Run(BenchConfig config, int callers, int seconds, string json, string? only)
    {
        int[] sizes = [1, 16];
        using var cancel = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        var rows = new List<LatencyRow>();
        var opened = new List<OpenRow>();
        bool agreed = true;
        try
        {
            using var model = new LayerModel(config, sizes.Max());
            Console.WriteLine($"{config.Name}: D {config.Width}, F {config.ExpertWidth}, E {config.Experts}, K {config.Choices}; {callers} callers on {Environment.ProcessorCount} processors. Milliseconds.");
            Console.WriteLine($"{"",-15} {"",-5} {"open",8} {"MiB",6} | {string.Join(" | ", sizes.Select(static t => $"{"T = " + Text("0", t),7} {"callers",8} {"99 %",8} {"tokens/s",9}"))}");
            foreach (var (name, type, open) in LatencyContenders.All)
            {
                if (only is not null && !name.Contains(only, StringComparison.Ordinal)) continue;
                cancel.Token.ThrowIfCancellationRequested();
                GC.Collect();
                long before = ProcessMemory.Private, from = Stopwatch.GetTimestamp();
                var engines = open(model, callers);
                try
                {
                    double openMs = Stopwatch.GetElapsedTime(from).TotalMilliseconds;
                    long own = Math.Max(0, ProcessMemory.Private - before);
                    agreed &= Agree(model, engines[0], name, type, sizes);
                    opened.Add(new OpenRow($"{name}/{type}", openMs, own, (engines[0] as OnnxMoELayer)?.Memory?.ToString()));
                    var cells = sizes.Select(t => Measure(model, engines, name, type, t, callers, seconds, cancel.Token)).ToList();
                    rows.AddRange(cells);
                    Console.WriteLine($"{name,-15} {type,-5} {Text("0", openMs),8} {Text("0", own / MiB),6} | {string.Join(" | ", cells.Select(static c => $"{Text("0.00", c.AloneMs),7} {Text("0.00", c.MedianMs),8} {Text("0.00", c.P99Ms),8} {Text("0", c.TokensPerSecond),9}"))}");
                    if ((engines[0] as OnnxMoELayer)?.Memory is { } m) Console.WriteLine($"{"",-21} weights: {Text("0", m.Shared / MiB)} MiB of the caller's, {Text("0", m.Owned / MiB)} of its own, {Text("0", m.Packed / MiB)} packed");
                }
                finally
                {
                    foreach (var engine in engines.Distinct()) engine.Dispose();
                }
            }
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Cancelled; the finished rows are in the report.");
            agreed = false;
        }

        var report = new LatencyReport { Date = TimeProvider.System.GetUtcNow(), Machine = Machine.Describe(), Cores = Environment.ProcessorCount, Config = config.Name, Opened = opened, Rows = rows };
        ReportFile.WriteText(json, JsonSerializer.Serialize(report, LatencyJson.Default.LatencyReport) + "\n");
        Console.WriteLine($"Report: {json}");
        return agreed ? 0 : 1;

        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            cancel.Cancel();
        }
    }

    // Right answers first, as in compare.
    private static bool Agree(LayerModel model, IMoEEngine engine, string name, string type, int[] sizes)
    {
        foreach (int t in sizes)
        {
            var @case = new BenchCase(BenchMode.Infer, model.Config, type, t, 1);
            foreach (var (input, expected) in model.References(@case))
            {
                float[] x = model.Tokens.Inputs(t)[input].ToSingles(), y = new float[x.Length];
                engine.Forward(x, y);
                if (Agreement.Of(new Answer(new AnswerPart("y", y)), expected, Tolerance.For(@case)).Problem is not { } problem) continue;
                Console.Error.WriteLine($"PROBLEM {name} {type} T {t}: {problem}");
                return false;
            }
        }

        return true;
    }

    private static LatencyRow Measure(LayerModel model, IReadOnlyList<IMoEEngine> engines, string name, string type, int tokens, int callers, double seconds, CancellationToken cancellation)
    {
        float[][] inputs = [.. model.Tokens.Inputs(tokens).Select(static x => x.ToSingles())];
        var (alone, _) = Callers.Run([engines[0]], inputs, seconds / 2, cancellation);
        var (times, took) = Callers.Run(engines, inputs, seconds, cancellation);
        return new LatencyRow(name, type, tokens, callers, SampleSummary.Of(alone).Median, SampleSummary.Of(times).Median, SampleSummary.Quantile(times, 0.99), times.Length * tokens / took, times.Length);
    }

    private static string Text(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);

    private static Option<int> Number(string name, string what, int value, int least, int most)
    {
        var option = new Option<int>(name) { Description = what, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < least || result.GetValueOrDefault<int>() > most) result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} must be in {least}..{most}."));
        });
        return option;
    }
}
