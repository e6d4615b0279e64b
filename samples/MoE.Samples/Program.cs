using System.Runtime.InteropServices;
using System.Text;
using MoE.Samples;
using MoE.Samples.Commands;
using Spectre.Console;

if (OperatingSystem.IsWindows()) Console.OutputEncoding = Encoding.UTF8;
// A file or pipe has no width; tables get room enough for their rows.
if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 100;

using var stop = new CancellationTokenSource();
// The first signal asks the run to end and keeps what is finished; the second ends the process.
void Stop(PosixSignalContext signal)
{
    if (stop.IsCancellationRequested) return;
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return new SampleProgram(AnsiConsole.Console, Console.Error, Catalogue.All).Run(args, stop.Token);
