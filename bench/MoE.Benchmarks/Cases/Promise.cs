namespace MoE.Benchmarks;

/// <summary>A line of the promise table: which cases a size contains, and with whom.</summary>
/// <param name="Size">The smallest size that contains it.</param>
/// <param name="Mode">The mode.</param>
/// <param name="Configs">The sizes of the layers or routers.</param>
/// <param name="DType">Type of the weights.</param>
/// <param name="Tokens">The numbers of tokens.</param>
/// <param name="Threads">The thread counts.</param>
/// <param name="Contenders">Who is measured.</param>
public sealed record Promise(CompareSize Size, BenchMode Mode, IReadOnlyList<BenchConfig> Configs, string DType, int[] Tokens, ThreadRule Threads, string[] Contenders)
{
    /// <summary>The cases of this line at the thread counts asked for.</summary>
    public IEnumerable<BenchCase> Cases(IReadOnlyList<int> threads) =>
        from config in Configs
        from count in threads
        where Threads == ThreadRule.Each || count == 1
        from tokens in Tokens
        select new BenchCase(Mode, config, DType, tokens, count);

    /// <summary>The line in words, such as <c>infer A int8 T 1, 16, 512</c>.</summary>
    public override string ToString() =>
        $"{Mode.ToString().ToLowerInvariant()} {string.Join(", ", Configs.Select(static c => c.Name))} {DType} T {string.Join(", ", Tokens)}";
}
