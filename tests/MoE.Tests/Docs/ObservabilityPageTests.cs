using System.Text.RegularExpressions;
using MoE.Diagnostics;

namespace MoE.Tests.Docs;

/// <summary>The example of the page is the code below, and it runs; the spec of the schedules page parses.</summary>
public sealed partial class ObservabilityPageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moe-page-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_example_runs()
    {
        string folder = _folder;
        // example
        var spec = RouterProfiles.Mixtral(experts: 8);
        var gate = new LinearGate(spec, Draw.Normal(8 * 16, seed: 1));
        var total = new RoutingAccumulator(spec.Experts);
        using var meter = new RoutingMeter();
        using (var log = RoutingLogWriter.Create(Path.Combine(folder, "run.moelog")))
        {
            for (long step = 0; step < 20; step++)
            {
                var input = new GateInput(Draw.Normal(32 * 16, seed: 100 + (int)step), width: 16) { Step = step };
                float[] logits = gate.Logits(input), scores = new float[logits.Length];
                ReferenceRouter.SelectionScores(logits, spec, default, scores);
                var routing = gate.Route(input);
                total.Add(routing, scores);                                  // over batches
                meter.Record("layers.0", routing, scores);                   // to whoever listens
                log.Append("layers.0", step, routing, RoutingStatistics.Margins(routing, scores));
            }

            log.Complete();
        }

        var read = RoutingLog.Read(Path.Combine(folder, "run.moelog"));
        File.WriteAllText(Path.Combine(folder, "routing.html"), RoutingReport.ToHtml(read, "A run"));
        var sharper = spec with { Select = new TopKSelection { K = 1 } };
        string difference = RoutingDiff.Between(Draw.Normal(4 * 8, seed: 2), spec, sharper).ToText();
        // end

        Assert.Equal((20, 20L * 32, 20L * 64), (read.Records.Count, total.Summary().Tokens, total.Summary().Routes));
        Assert.Contains("<h1>A run</h1>", File.ReadAllText(Path.Combine(folder, "routing.html")), StringComparison.Ordinal);
        Assert.Contains("4 of 4 tokens change their experts", difference, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_shows_that_example()
    {
        string source = Repository.Read("tests", "MoE.Tests", "Docs", "ObservabilityPageTests.cs");
        string example = Between().Match(source).Groups[1].Value;
        Assert.True(example.Length > 500);
        Assert.Contains(Indent().Replace(example, ""), Repository.Read("docs", "observability.md"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_spec_of_the_schedules_page_parses()
    {
        var spec = RouterSpec.FromJson(Json().Match(Repository.Read("docs", "schedules.md")).Groups[1].Value);
        Assert.Equal((8, 4, 2), (spec.At(0).TopK, spec.At(1000).TopK, spec.At(5000).TopK));
    }

    [GeneratedRegex("        // example\n(.*?)        // end\n", RegexOptions.Singleline)]
    private static partial Regex Between();

    [GeneratedRegex("^ {8}", RegexOptions.Multiline)]
    private static partial Regex Indent();

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Json();
}
