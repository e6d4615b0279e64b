using System.Reflection;
using System.Text.RegularExpressions;
using MoE.Torch;

namespace MoE.Conformance.Runner.Tests;

/// <summary>docs/gates.md names what the code has, and nothing that the code has not.</summary>
public sealed partial class GatesPageTests
{
    private static readonly string s_page = Golden.Text("gates.md");

    private static IEnumerable<Type> Library => [.. typeof(RouterSpec).Assembly.GetExportedTypes(), .. typeof(TorchGate).Assembly.GetExportedTypes()];

    private static IEnumerable<string> Profiles => new[] { typeof(RouterProfiles), typeof(LayerProfiles) }
        .SelectMany(static t => t.GetMethods(BindingFlags.Public | BindingFlags.Static)).Select(static m => m.Name).Distinct();

    private static IEnumerable<(string Peer, string Function)> Claimed => Claims.Read(System.Text.Encoding.UTF8.GetBytes(Golden.Text("claims.json"))).All.Select(static c => (c.Peer, c.Function)).Distinct();

    [Fact]
    public void Every_conformance_function_is_on_the_page() =>
        Assert.Empty(Claimed.Select(static c => $"{c.Peer} / {c.Function}").Except(Cases().Select(static c => $"{c.Peer} / {c.Function}")));

    [Fact]
    public void Every_conformance_function_of_the_page_is_claimed() =>
        Assert.Empty(Cases().Select(static c => $"{c.Peer} / {c.Function}").Except(Claimed.Select(static c => $"{c.Peer} / {c.Function}")));

    [Fact]
    public void Every_profile_is_on_the_page() => Assert.Equal([], Missing(Profiles));

    [Fact]
    public void Every_profile_of_the_page_exists() => Assert.Empty(Column("profile").SelectMany(Names).Except(Profiles));

    [Fact]
    public void Every_gate_is_on_the_page() =>
        Assert.Equal([], Missing(Library.Where(static t => typeof(TorchGate).IsAssignableFrom(t) || t.Name.EndsWith("Gate", StringComparison.Ordinal) || t.Name.EndsWith("Gates", StringComparison.Ordinal))
            .Select(static t => t.Name)));

    [Fact]
    public void Every_loss_is_on_the_page() =>
        Assert.Equal([], Missing(new[] { typeof(RouterLosses), typeof(TorchRouterLosses) }.SelectMany(static t => t.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .Select(static m => m.Name).Except(s_helpers)));

    [Fact]
    public void Every_type_of_the_page_exists()
    {
        string[] known = [.. Library.Select(static t => t.Name.Split('`')[0]),
            .. Library.SelectMany(static t => t.GetMembers().Where(m => m is PropertyInfo || t.IsEnum).Select(m => m.Name)),
            .. Library.Where(static t => t.IsEnum).SelectMany(static t => t.GetEnumNames().Select(n => $"{t.Name}.{n}")),
            .. Library.SelectMany(static t => t.GetProperties().Select(p => $"{t.Name}.{p.Name}"))];
        Assert.Empty(Column("type").SelectMany(Names).Except(known));
    }

    [Fact]
    public void Every_loss_of_the_page_exists()
    {
        string[] known = [.. Library.Select(static t => t.Name), .. new[] { typeof(RouterLosses), typeof(TorchRouterLosses) }.SelectMany(static t => t.GetMethods()).Select(static m => m.Name)];
        Assert.Empty(Column("torch").Concat(Column("managed")).SelectMany(Names).Except(known));
    }

    private static IEnumerable<string> Missing(IEnumerable<string> names) => names.Where(static name => !s_page.Contains($"`{name}`", StringComparison.Ordinal));

    // Parts of losses, not losses.
    private static readonly string[] s_helpers =
        ["Weighted", "Total", "total", "NormalizedRows", "NormalizedScores", "normalized_rows", "normalized_scores", "auxiliary_routing", "expert_weights", "SquaredVariation", "squared_variation"];

    private static IEnumerable<(string Peer, string Function)> Cases() => Column("conformance cases").SelectMany(static cell => cell.Split("; ")).SelectMany(static part =>
    {
        string[] halves = part.Split(" / ", 2);
        return halves.Length == 2 ? Names(halves[1]).Select(name => (halves[0].Trim(), name)) : [];
    });

    private static IEnumerable<string> Names(string cell) => Code().Matches(cell).Select(static m => m.Groups[1].Value);

    // The cells of all tables under one heading.
    private static IEnumerable<string> Column(string title)
    {
        int at = -1;
        foreach (string line in s_page.Split('\n'))
        {
            if (!line.StartsWith('|'))
            {
                at = -1;
                continue;
            }

            string[] cells = [.. line.Trim().Trim('|').Split(" | ").Select(static c => c.Trim())];
            if (cells[0] is "gate" or "loss") at = Array.IndexOf(cells, title);
            else if (at >= 0 && !cells[0].StartsWith("---", StringComparison.Ordinal)) yield return cells.Length > at ? cells[at] : throw new FormatException($"too few columns: {line}");
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}
