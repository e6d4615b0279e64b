using MoE.Conformance.Adapters;
using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using Xunit.Abstractions;

namespace MoE.Conformance;

/// <summary>
/// The peers' recorded numbers against the library's. One test case per file, engine and part that <c>claims.json</c> claims; see docs/conformance.md.
/// </summary>
public sealed class ConformanceTests(ConformanceTests.RunReport report, ITestOutputHelper output) : IClassFixture<ConformanceTests.RunReport>
{
    private static readonly Lazy<IReadOnlyDictionary<string, Row>> Found = new(Find);
    private static readonly CaseRunner Runner = new(All.Adapters, [new ManagedEngine(), new TorchEngine()]);

    /// <summary>The names of all rows.</summary>
    public static TheoryData<CaseName> Names() => [.. Found.Value.Keys.Select(static name => new CaseName(name))];

    /// <summary>One row.</summary>
    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Case(CaseName name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var row = Found.Value[name.Text];
        var result = Runner.Run(row);
        report.Add(row, result);
        output.WriteLine(Report.Line(row, result));
        Skip.If(result.Outcome == Outcome.Skipped, result.Message);
        if (result.Outcome == Outcome.Failed) Assert.Fail(result.Message);
    }

    private static IReadOnlyDictionary<string, Row> Find()
    {
        var own = typeof(ConformanceTests).Assembly;
        string? folder = Environment.GetEnvironmentVariable(CaseSource.Variable);
        using var claims = own.GetManifestResourceStream("claims.json")!;
        using var bytes = new MemoryStream();
        claims.CopyTo(bytes);
        return Row.Of(() => CaseSource.Files(folder, own), Claims.Read(bytes.ToArray()), string.IsNullOrEmpty(folder) ? "the repository" : folder)
            .ToDictionary(static row => row.Name, StringComparer.Ordinal);
    }

    /// <summary>Writes the table and the rows beside the test assembly when the last case is done.</summary>
    public sealed class RunReport : IDisposable
    {
        private readonly Report _report = new();

        internal void Add(Row row, RowResult result) => _report.Add(row, result);

        /// <inheritdoc/>
        public void Dispose()
        {
            File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "conformance-rows.txt"), _report.Rows());
            File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "conformance-table.txt"), _report.Table());
        }
    }
}
