using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;

namespace MoE.Benchmarks;

/// <summary>One job per instruction set, for managed code. The switches are those that .NET 10 obeys.</summary>
public sealed class IsaConfig : ManualConfig
{
    public IsaConfig()
    {
        AddDiagnoser(MemoryDiagnoser.Default);
        AddJob(TorchConfig.LinkedNatives(new Job("widest")).AsBaseline());
        AddJob(Without("no AVX-512", "DOTNET_EnableAVX512"));
        // Ends 256-bit vectors and FMA as well.
        AddJob(Without("no AVX2", "DOTNET_EnableAVX2"));
        AddJob(Without("scalar", "DOTNET_EnableHWIntrinsic"));
        HideColumns("EnvironmentVariables", "Arguments");
    }

    // In the job and not in a mutator: a mutator's environment would replace this one.
    private static Job Without(string name, string @switch) => TorchConfig.LinkedNatives(new Job(name)).WithEnvironmentVariable(@switch, "0");
}
