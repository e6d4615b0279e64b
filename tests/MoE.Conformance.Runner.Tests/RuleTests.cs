using System.Text.RegularExpressions;
using MoE.Conformance.Adapters;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Claims, cases, adapters and the page about them stay together.</summary>
public sealed partial class RuleTests
{
    [Fact]
    public void Every_claim_has_an_adapter_and_a_case()
    {
        var cases = Golden.All.Select(static f => GoldenReader.Read(f.Read())).ToArray();
        Assert.All(Golden.Claims.All, claim =>
        {
            Assert.Contains(All.Adapters, a => a.Peer == claim.Peer && a.Functions.ContainsKey(claim.Function));
            Assert.Contains(cases, claim.Covers);
        });
    }

    [Fact]
    public void Every_adapter_and_every_case_is_claimed()
    {
        Assert.All(All.Adapters, adapter => Assert.All(adapter.Functions.Keys, function => Claimed(adapter.Peer, function)));
        Assert.All(Golden.All, file =>
        {
            var golden = GoldenReader.Read(file.Read());
            Claimed(golden.Peer, golden.Function);
        });

        static void Claimed(string peer, string function) => Assert.Contains(Golden.Claims.All, c => c.Peer == peer && c.Function == function);
    }

    [Fact]
    public void The_page_lists_the_claims()
    {
        string table = string.Concat(Golden.Claims.All
            .GroupBy(static c => (c.Peer, c.Function))
            .Select(g => $"| {g.Key.Peer} | `{g.Key.Function}` | {Types(g, "managed", Part.Forward)} | {Types(g, "torch", Part.Forward)} | {Types(g, "torch", Part.Gradient)} |\n"));
        Assert.Contains("| --- | --- | --- | --- | --- |\n" + table + "\n", Golden.Text("conformance.md"), StringComparison.Ordinal);

        static string Types(IEnumerable<Claim> claims, string engine, Part part)
        {
            Claim[] own = [.. claims.Where(c => c.Engine == engine && c.Part == part)];
            return own.Length == 0 ? "no" : string.Join(", ", own.SelectMany(static c => c.Types)) + When(own[0]);
        }

        static string When(Claim claim) => claim.When.Count == 0
            ? ""
            : $" ({string.Join(", ", claim.When.Select(static w => $"{w.Key} {string.Join(" or ", w.Value.EnumerateArray().Select(static v => v.ToString().ToLowerInvariant()))}"))})";
    }

    /// <summary>Banned APIs cannot see the operators of numbers; this can.</summary>
    [Theory]
    [InlineData("Adapters/")]
    [InlineData("Engines/")]
    public void Adapters_and_engines_hold_no_arithmetic(string folder)
    {
        Assert.NotEmpty(Golden.Resources(folder));
        Assert.All(Golden.Resources(folder), name =>
        {
            string code = Words().Replace(Golden.Text(name), "");
            Assert.DoesNotMatch(Operators(), code);
        });
    }

    // Comments and strings.
    [GeneratedRegex("""//.*|"(\\.|[^"\\])*" """, RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Words();

    [GeneratedRegex(@" [-+*/%] |[-+*/%]=|\+\+|--|\(-[a-z]")]
    private static partial Regex Operators();
}
