using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace MoE.Benchmarks;

/// <summary>The verb <c>checkpoint</c>: from a checkpoint to the first token, packed and mapped.</summary>
internal static class CheckpointCommand
{
    private const long MiB = 1 << 20;

    // What a process of this program needs beside weights.
    private const long Beside = 320 * MiB;

    /// <summary>The verb with its options.</summary>
    public static Command Create()
    {
        var size = new Option<int>("--mib") { Description = "size of the synthetic checkpoint", HelpName = "MIB", DefaultValueFactory = static _ => 1024 };
        size.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 4096) result.AddError("--mib must be in 1..4096.");
        });
        var formats = new Option<string[]>("--format") { Description = "formats of packed weights", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = static _ => [.. CheckpointStep.Formats.Keys] };
        formats.AcceptOnlyFromAmong([.. CheckpointStep.Formats.Keys]);
        var threads = new Option<int>("--threads") { Description = "threads of the layer", DefaultValueFactory = static _ => 1 };
        threads.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1 || result.GetValueOrDefault<int>() > Environment.ProcessorCount) result.AddError($"--threads must be in 1..{Environment.ProcessorCount}.");
        });
        var json = new Option<string>("--json") { Description = "where the report goes", HelpName = "FILE", DefaultValueFactory = static _ => Path.Combine("artifacts", "bench", "checkpoint.json") };
        var folder = new Option<string>("--folder") { Description = "where the files go while it runs: five times the checkpoint", HelpName = "FOLDER", DefaultValueFactory = static _ => Path.GetTempPath() };
        var command = new Command("checkpoint", "Times a checkpoint from opening to the first token, with its peak of memory: packed, saved, mapped again, and with less memory than weights.") { size, formats, threads, json, folder };
        command.SetAction(result => Run(result.GetValue(size) * MiB, result.GetRequiredValue(formats), result.GetValue(threads), result.GetRequiredValue(json), result.GetRequiredValue(folder)));
        return command;
    }

    private static int Run(long bytes, IReadOnlyList<string> formats, int threads, string json, string parent)
    {
        using var cancel = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        string folder = Path.Combine(parent, $"moe-checkpoint-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(folder);
            string checkpoint = Path.Combine(folder, "model"), packed = Path.Combine(folder, "layer.moe");
            var spec = SyntheticCheckpoint.Spec(bytes);
            long written = SyntheticCheckpoint.Write(checkpoint, spec);
            Console.WriteLine($"{Text("0", written / (double)MiB)} MiB of bfloat16: D {spec.Width}, F {spec.Expert.Width}, E {spec.Router.Experts}, K {spec.Router.TopK}; {threads} thread{(threads == 1 ? "" : "s")}. Milliseconds and MiB.");
            Console.WriteLine($"{"",-10} {"error",8} {"packed",7} | {"open",6} {"pack",7} {"first",6} {"token",6} {"peak",6} {"save",6} | {"stream",7} {"peak",6} | {"map",5} {"first",6} {"token",6} {"peak",6} {"own",5} | {"cold",6} | bits");
            var rows = new List<CheckpointRow>();
            foreach (string format in formats)
            {
                rows.Add(Row(format, Step));
                Tell(rows[^1]);
            }

            LimitedRow? limited = null;
            if (rows[0].Packed.PackedBytes < 3 * Beside / 2)
            {
                Console.WriteLine($"{formats[0]} weights of {Text("0", rows[0].Packed.PackedBytes / (double)MiB)} MiB are too few to be held against the {Text("0", Beside / (double)MiB)} MiB that the process itself needs: no run with less memory.");
            }
            else if (!OperatingSystem.IsWindows() && File.Exists("/bin/sh"))
            {
                string format = formats[0];
                long limit = Beside;
                _ = Step("stream", format, null);
                var mapped = Step("map", format, limit);
                var control = Step("pack", format, limit);
                limited = new LimitedRow(format, limit, mapped, control, mapped.Failure is null && mapped.Outputs == rows[0].Packed.Outputs && control.Failure?.Contains("emory", StringComparison.Ordinal) == true);
                Console.WriteLine($"With {Text("0", limit / (double)MiB)} MiB of private memory, {format} ({Text("0", rows[0].Packed.PackedBytes / (double)MiB)} MiB): mapped, {Ended(mapped)}; packed in memory, {Ended(control)}.");
                Console.WriteLine(limited.Shown ? "Shown: experts larger than memory run from the map, with the same bits." : "Not shown.");
            }

            var report = new CheckpointReport
            {
                Date = TimeProvider.System.GetUtcNow(),
                Machine = Machine.Describe(),
                Threads = threads,
                CheckpointBytes = written,
                Width = spec.Width,
                ExpertWidth = spec.Expert.Width,
                Experts = spec.Router.Experts,
                Choices = spec.Router.TopK,
                Rows = rows,
                Limited = limited,
            };
            ReportFile.WriteText(json, JsonSerializer.Serialize(report, CheckpointJson.Default.CheckpointReport) + "\n");
            Console.WriteLine($"Report: {json}");
            return rows.All(static r => r.BitsEqual) && limited?.Shown != false ? 0 : 1;

            StepResult Step(string step, string format, long? limit) =>
                CheckpointStep.InChild([step, checkpoint, format, packed, threads.ToString(CultureInfo.InvariantCulture)], limit, cancel.Token);

            CheckpointRow Row(string format, Func<string, string, long?, StepResult> step)
            {
                var made = step("pack", format, null);
                var warm = step("map", format, null);
                var cold = PageCache.Drop(packed) ? step("map", format, null) : null;
                File.Delete(packed);
                var streamed = step("stream", format, null);
                // The file that was packed expert by expert is the one that was saved.
                var again = step("map", format, null);
                bool equal = made is { Failure: null, Outputs.Length: > 0 } && new[] { warm, cold, again }.All(r => r is null || r.Outputs == made.Outputs);
                return new CheckpointRow(format, made, streamed, warm, cold, equal);
            }
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Cancelled.");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }

        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            cancel.Cancel();
        }
    }

    private static void Tell(CheckpointRow row)
    {
        if ((row.Packed.Failure ?? row.Streamed.Failure ?? row.Warm.Failure ?? row.Cold?.Failure) is { } failure) Console.Error.WriteLine($"{row.Format}: {failure}");
        var (p, s, w) = (row.Packed, row.Streamed, row.Warm);
        Console.WriteLine($"{row.Format,-10} {Text("0.00%", p.WeightError),8} {Size(p.PackedBytes),7} | {Ms(p.OpenMs),6} {Ms(p.PackMs),7} {Ms(p.FirstMs),6} {Ms(p.TokenMs),6} {Size(p.PeakBytes),6} {Ms(p.SaveMs),6} | {Ms(s.PackMs),7} {Size(s.PeakBytes),6} | "
            + $"{Ms(w.OpenMs),5} {Ms(w.FirstMs),6} {Ms(w.TokenMs),6} {Size(w.PeakBytes),6} {Size(w.PrivateBytes),5} | {(row.Cold is { } c ? Ms(c.OpenMs + c.FirstMs) : "-"),6} | {(row.BitsEqual ? "equal" : "DIFFER")}");
    }

    private static string Ended(StepResult step) => step.Failure is { } failure ? $"failed ({failure})" : $"first token after {Ms(step.OpenMs + step.PackMs + step.FirstMs)} ms, own memory {Size(step.PrivateBytes)} MiB";

    private static string Ms(double ms) => Text(ms < 10 ? "0.0" : "0", ms);

    private static string Size(long bytes) => Text("0", bytes / (double)MiB);

    private static string Text(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
