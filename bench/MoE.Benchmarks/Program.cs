using System.CommandLine;
using BenchmarkDotNet.Running;
using MoE.Benchmarks;

if (args is [EngineFactsProbe.Spin])
{
    EngineFactsProbe.KeepBusy();
    return 0;
}

if (args is [CheckpointStep.Verb, .. var step]) return CheckpointStep.Run(step);

if (args is not ([] or ["compare" or "checkpoint" or "latency" or "--help" or "-h" or "-?", ..]))
{
    var summaries = BenchmarkSwitcher.FromAssembly(typeof(CompareCommand).Assembly).Run(args).ToList();
    return summaries.Any(static s => s.HasCriticalValidationErrors || s.Reports.Any(static r => !r.Success)) ? 1 : 0;
}

var root = new RootCommand("compare measures this library against its rivals, checkpoint the way from a file to the first token, latency several callers at once. Anything else is passed to BenchmarkDotNet: try --list flat, or --filter '*Router*' --job short.") { CompareCommand.Create(), CheckpointCommand.Create(), LatencyCommand.Create() };
var parsed = root.Parse(args is [] ? ["--help"] : args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
    return 2;
}

// Comparing needs a process that was started rightly; help does not.
if (parsed.CommandResult.Command.Name is "compare" or "latency" && parsed.Action is not System.CommandLine.Help.HelpAction && !PassiveWait.IsSet) return PassiveWait.RunChild(args);
return parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = null });
