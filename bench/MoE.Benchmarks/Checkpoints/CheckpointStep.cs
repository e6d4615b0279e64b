using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using MoE.Checkpoints;

namespace MoE.Benchmarks;

/// <summary>The parts of the verb <c>checkpoint</c> that need a process of their own: its peak of memory is theirs.</summary>
internal static class CheckpointStep
{
    /// <summary>The argument that makes this program one step.</summary>
    public const string Verb = "checkpoint-step";

    private const int Tokens = 16;

    /// <summary>Precisions by name.</summary>
    public static IReadOnlyDictionary<string, ExpertPrecision> Formats { get; } = new Dictionary<string, ExpertPrecision>
    {
        ["fp32"] = ExpertPrecision.Single,
        ["bf16"] = new(WeightFormat.BFloat16),
        ["int8"] = new(WeightFormat.Int8PerBlock, ActivationFormat.Int8),
        ["int4"] = new(WeightFormat.Int4PerBlock, ActivationFormat.Int8),
        ["int4-zero"] = new(WeightFormat.Int4PerBlockAsymmetric, ActivationFormat.Int8),
    };

    /// <summary>Runs a step in this process; writes its result as a line of JSON.</summary>
    /// <param name="args">pack|stream|map, folder of the checkpoint, format, packed file, threads.</param>
    public static int Run(string[] args)
    {
        StepResult result;
        try
        {
            int threads = int.Parse(args[4], CultureInfo.InvariantCulture);
            result = args[0] switch
            {
                "pack" => Pack(args[1], Formats[args[2]], args[3], threads),
                "stream" => Stream(args[1], Formats[args[2]], args[3]),
                _ => Map(args[3], threads),
            };
        }
        catch (OutOfMemoryException e)
        {
            result = new StepResult { Failure = e.GetType().Name };
        }

        Console.WriteLine(JsonSerializer.Serialize(result, CheckpointJson.Default.StepResult));
        return 0;
    }

    /// <summary>Runs a step in a process of its own.</summary>
    /// <param name="args">As of <see cref="Run"/>.</param>
    /// <param name="dataLimit">Most private memory; null: no limit.</param>
    /// <param name="cancellation">Ends the process.</param>
    public static StepResult InChild(string[] args, long? dataLimit, CancellationToken cancellation)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is unknown.");
        List<string> line = [program];
        if (Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase)) line.Add(typeof(CheckpointStep).Assembly.Location);
        line.Add(Verb);
        line.AddRange(args);
        if (dataLimit is { } limit) line = ["/bin/sh", "-c", $"ulimit -d {limit / 1024} && exec \"$@\"", "sh", .. line];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var child = Process.Start(start)!;
        using var stop = cancellation.Register(child.Kill);
        var error = child.StandardError.ReadToEndAsync(CancellationToken.None);
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        string? json = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault(static l => l.StartsWith('{'));
        if (json is not null) return JsonSerializer.Deserialize(json, CheckpointJson.Default.StepResult)!;
        string[] said = error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new StepResult { Failure = $"exit code {child.ExitCode}: {(said.Length > 0 ? said[0] : "no word")}" };
    }

    private static StepResult Pack(string checkpoint, ExpertPrecision precision, string packed, int threads)
    {
        double open = Time(() => HuggingFaceCheckpoint.Open(checkpoint), out var model);
        using (model)
        {
            double pack = Time(() => new ManagedMoEEngine(model.Config.Layers[0]!, model.Layer(0), threads, precision), out var engine);
            using (engine)
            {
                var result = FirstTokens(engine) with { OpenMs = open, PackMs = pack };
                return result with { SaveMs = Time(() => { engine.Save(packed); return 0; }, out _), PackedBytes = new FileInfo(packed).Length };
            }
        }
    }

    private static StepResult Stream(string checkpoint, ExpertPrecision precision, string packed)
    {
        double open = Time(() => HuggingFaceCheckpoint.Open(checkpoint), out var model);
        using (model)
        {
            double pack = Time(() => MoEFeedForward.Pack(packed, model.Config.Layers[0]!, model.Layer(0), precision), out var errors);
            return new StepResult { OpenMs = open, PackMs = pack, PeakBytes = ProcessMemory.Peak, PrivateBytes = ProcessMemory.Private, PackedBytes = new FileInfo(packed).Length, WeightError = errors.Average(static e => e.Relative) };
        }
    }

    private static StepResult Map(string packed, int threads)
    {
        double open = Time(() => ManagedMoEEngine.Open(packed, threads), out var engine);
        using (engine) return FirstTokens(engine) with { OpenMs = open, PackedBytes = new FileInfo(packed).Length };
    }

    private static StepResult FirstTokens(ManagedMoEEngine engine)
    {
        int d = engine.Spec.Width;
        var random = new Random(1);
        float[] x = [.. Enumerable.Range(0, Tokens * d).Select(_ => random.NextSingle() - 0.5f)], y = new float[x.Length];
        double Call(int t) => Time(() => { engine.Forward(x.AsSpan(t * d, d), y.AsSpan(t * d, d)); return 0; }, out _);
        double first = Call(0);
        long peak = ProcessMemory.Peak, own = ProcessMemory.Private;
        for (int t = 1; t < Tokens; t++) Call(t);
        // Once more over all of them: by now every expert that they need has been read.
        double median = Enumerable.Range(0, Tokens).Select(Call).Order().ElementAt(Tokens / 2);
        return new StepResult
        {
            FirstMs = first,
            TokenMs = median,
            PeakBytes = peak,
            PrivateBytes = own,
            WeightError = engine.Errors.Average(static e => e.Relative),
            Outputs = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(y.AsSpan()))),
        };
    }

    private static double Time<T>(Func<T> work, out T result)
    {
        long start = Stopwatch.GetTimestamp();
        result = work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
