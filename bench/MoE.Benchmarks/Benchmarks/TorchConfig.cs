using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;

namespace MoE.Benchmarks;

/// <summary>For benchmarks that run libtorch, whatever their jobs: OpenMP threads sleep while they wait, and managed allocations are counted.</summary>
public sealed class TorchConfig : ManualConfig
{
    public TorchConfig()
    {
        AddDiagnoser(MemoryDiagnoser.Default);
        AddJob(LinkedNatives(new Job()).WithEnvironmentVariable(PassiveWait.Name, PassiveWait.Value).AsMutator());
    }

    /// <summary>The half gigabyte of libtorch is linked into the child's folder, not copied.</summary>
    internal static Job LinkedNatives(Job job) => job.WithArguments([new MsBuildArgument("/p:CreateHardLinksForCopyLocalIfPossible=true")]);
}
