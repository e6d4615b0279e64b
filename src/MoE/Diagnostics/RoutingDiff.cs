using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MoE.Diagnostics;

/// <summary>Compares routings: of two logs, of two engines, or of two specs on the same logits. Lists the tokens whose experts change, and how close the choice was.</summary>
/// <example><code>Console.Write(RoutingDiff.Between(RoutingLog.Read("before.moelog"), RoutingLog.Read("after.moelog")).ToText());</code></example>
public sealed class RoutingDiff
{
    private RoutingDiff(IReadOnlyList<RoutingDifference> places, IReadOnlyList<string> unmatched)
    {
        Places = places;
        Unmatched = unmatched;
    }

    /// <summary>One entry per layer and step that both sides have, in the order of the first.</summary>
    public IReadOnlyList<RoutingDifference> Places { get; }

    /// <summary>What only one side has, or has in another shape, in words.</summary>
    public IReadOnlyList<string> Unmatched { get; }

    /// <summary>Tokens whose experts change, over all places.</summary>
    public int ChangedTokens => Places.Sum(static p => p.Changes.Count);

    /// <summary>True if no token changes its experts or drops, everything has its counterpart, and no weight differs.</summary>
    public bool IsEmpty => Unmatched.Count == 0 && Places.All(static p => p.Changes.Count == 0 && p.DropChanges == 0 && p.MaxWeightDifference is null or 0);

    /// <summary>Compares two logs, record by record of the same layer and step; several of one place are matched in order.</summary>
    /// <param name="before">The first.</param>
    /// <param name="after">The second.</param>
    public static RoutingDiff Between(RoutingLog before, RoutingLog after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var unmatched = new List<string>();
        if (before.Problem is not null) unmatched.Add($"before: {before.Problem}");
        if (after.Problem is not null) unmatched.Add($"after: {after.Problem}");
        var others = after.Records.GroupBy(static r => (r.Layer, r.Step)).ToDictionary(static g => g.Key, static g => new Queue<RoutingRecord>(g));
        var places = new List<RoutingDifference>();
        foreach (var first in before.Records)
        {
            if (!others.TryGetValue((first.Layer, first.Step), out var queue) || !queue.TryDequeue(out var second))
                unmatched.Add($"before only: {first.Place}");
            else if (Shape(first.Routing) != Shape(second.Routing))
                unmatched.Add($"{first.Place}: {Shape(first.Routing)} before, {Shape(second.Routing)} after");
            else
                places.Add(Compare(first, second));
        }

        foreach (var record in after.Records)
        {
            if (others[(record.Layer, record.Step)] is { Count: > 0 } rest && rest.Contains(record)) unmatched.Add($"after only: {record.Place}");
        }

        return new RoutingDiff(places, unmatched);
    }

    /// <summary>Compares two routings of the same tokens.</summary>
    /// <param name="before">The first.</param>
    /// <param name="after">The second, of as many tokens and experts; the form and the number of choices may differ.</param>
    /// <param name="marginsBefore">[T] of <see cref="RoutingStatistics.Margins"/>, or empty.</param>
    /// <param name="marginsAfter">[T], or empty.</param>
    /// <exception cref="ArgumentException">Shapes differ, or a length is wrong.</exception>
    public static RoutingDiff Between(Routing before, Routing after, ReadOnlySpan<float> marginsBefore = default, ReadOnlySpan<float> marginsAfter = default)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        if (Shape(before) != Shape(after)) throw new ArgumentException($"before is of {Shape(before)}, after of {Shape(after)}; must be of the same tokens and experts", nameof(after));
        CheckMargins(marginsBefore.Length, before.TokenCount, nameof(marginsBefore));
        CheckMargins(marginsAfter.Length, after.TokenCount, nameof(marginsAfter));
        return new RoutingDiff([Compare(new RoutingRecord("", 0, before, true, marginsBefore.ToArray()), new RoutingRecord("", 0, after, true, marginsAfter.ToArray()))], []);
    }

    /// <summary>Routes the same logits by two specs, with margins, and compares.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="before">The first router.</param>
    /// <param name="after">The second, of as many experts.</param>
    /// <param name="options">Masks for both; a selection bias goes to the spec that uses one.</param>
    /// <exception cref="SpecException">A spec has problems.</exception>
    /// <exception cref="ArgumentException">The specs have other numbers of experts, or the logits cannot be routed.</exception>
    public static RoutingDiff Between(ReadOnlySpan<float> logits, RouterSpec before, RouterSpec after, RouteOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var first = Route(logits, before, options, out float[] marginsBefore);
        var second = Route(logits, after, options, out float[] marginsAfter);
        return Between(first, second, marginsBefore, marginsAfter);
    }

    /// <summary>A few lines per place that differs, and a sum.</summary>
    /// <param name="most">At most so many tokens are listed per place.</param>
    public string ToText(int most = 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(most);
        var text = new StringBuilder();
        foreach (string words in Unmatched) Line(text, words);
        foreach (var place in Places)
        {
            if (place.Changes.Count == 0 && place.DropChanges == 0 && place.MaxWeightDifference is null or 0) continue;
            string name = place.Layer.Length == 0 ? "" : $"{place.Layer}, step {place.Step}: ";
            Line(text, string.Create(CultureInfo.InvariantCulture, $"{name}{place.Changes.Count} of {place.Tokens} tokens change their experts, {place.DropChanges} their drops; largest weight difference {(place.MaxWeightDifference is { } d ? d.ToString("0.######", CultureInfo.InvariantCulture) : "not known")}"));
            foreach (var change in place.Changes.Take(most))
                Line(text, $"  token {change.Token}: {Experts(change.Before)} -> {Experts(change.After)}{Margin(change)}");
            if (place.Changes.Count > most) Line(text, $"  and {place.Changes.Count - most} more");
        }

        Line(text, string.Create(CultureInfo.InvariantCulture, $"{ChangedTokens} of {Places.Sum(static p => (long)p.Tokens)} tokens change their experts in {Places.Count} routings"));
        return text.ToString();
    }

    /// <summary>Everything, as indented JSON with a final newline; numbers that are not finite are strings.</summary>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("schema", 1);
            json.WriteNumber("changed_tokens", ChangedTokens);
            json.WriteStartArray("unmatched");
            foreach (string words in Unmatched) json.WriteStringValue(words);
            json.WriteEndArray();
            json.WriteStartArray("places");
            foreach (var place in Places) Write(json, place);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static void CheckMargins(int length, int tokens, string name)
    {
        if (length != 0 && length != tokens) throw new ArgumentException($"{name} has {length} values; must have one per token ({tokens})", name);
    }

    private static string Shape(Routing routing) => string.Create(CultureInfo.InvariantCulture, $"{routing.TokenCount} tokens over {routing.ExpertCount} experts");

    private static Routing Route(ReadOnlySpan<float> logits, RouterSpec spec, RouteOptions options, out float[] margins)
    {
        if (!spec.UsesSelectionBias) options = options with { SelectionBias = default };
        var routing = ReferenceRouter.Route(logits, spec, options);
        var scores = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, spec, options, scores);
        margins = RoutingStatistics.Margins(routing, scores);
        return routing;
    }

    private static RoutingDifference Compare(RoutingRecord before, RoutingRecord after)
    {
        TokenExperts first = new(before.Routing), second = new(after.Routing);
        var changes = new List<TokenChange>();
        int drops = 0;
        double difference = 0;
        for (int t = 0; t < before.Routing.TokenCount; t++)
        {
            IReadOnlyList<TokenExpert> a = first.Of(t), b = second.Of(t);
            int[] mine = Sorted(a), other = Sorted(b);
            if (!mine.AsSpan().SequenceEqual(other)) changes.Add(new TokenChange(t, mine, other, At(before.Margins, t), At(after.Margins, t)));
            if (!Sorted(a.Where(static r => !r.Kept)).AsSpan().SequenceEqual(Sorted(b.Where(static r => !r.Kept)))) drops++;
            foreach (int e in mine.Union(other)) difference = Math.Max(difference, Math.Abs((double)Weight(a, e) - Weight(b, e)));
        }

        return new RoutingDifference
        {
            Layer = before.Layer,
            Step = before.Step,
            Tokens = before.Routing.TokenCount,
            Changes = changes,
            DropChanges = drops,
            MaxWeightDifference = before.HasWeights && after.HasWeights ? difference : null,
        };
    }

    private static int[] Sorted(IEnumerable<TokenExpert> routes) => [.. routes.Select(static r => r.Expert).Order()];

    private static float Weight(IReadOnlyList<TokenExpert> routes, int expert)
    {
        foreach (var route in routes)
        {
            if (route.Expert == expert) return route.Weight;
        }

        return 0;
    }

    private static float? At(IReadOnlyList<float> margins, int token) => margins.Count == 0 ? null : margins[token];

    private static void Line(StringBuilder text, string words) => text.Append(words).Append('\n');

    private static string Experts(IReadOnlyList<int> experts) => experts.Count == 0 ? "none" : string.Join(' ', experts);

    private static string Margin(TokenChange change) => change.MarginBefore is null && change.MarginAfter is null
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $", margin {change.MarginBefore?.ToString("g3", CultureInfo.InvariantCulture) ?? "not known"} -> {change.MarginAfter?.ToString("g3", CultureInfo.InvariantCulture) ?? "not known"}");

    private static void Write(Utf8JsonWriter json, RoutingDifference place)
    {
        json.WriteStartObject();
        json.WriteString("layer", place.Layer);
        json.WriteNumber("step", place.Step);
        json.WriteNumber("tokens", place.Tokens);
        json.WriteNumber("drop_changes", place.DropChanges);
        Number(json, "max_weight_difference", place.MaxWeightDifference);
        json.WriteStartArray("changes");
        foreach (var change in place.Changes)
        {
            json.WriteStartObject();
            json.WriteNumber("token", change.Token);
            Numbers(json, "before", change.Before);
            Numbers(json, "after", change.After);
            Number(json, "margin_before", change.MarginBefore);
            Number(json, "margin_after", change.MarginAfter);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<int> values)
    {
        json.WriteStartArray(name);
        foreach (int value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is not { } number) json.WriteNull(name);
        else if (double.IsFinite(number)) json.WriteNumber(name, number);
        else json.WriteString(name, number.ToString(CultureInfo.InvariantCulture));
    }

    // A single's own shortest digits, not those of its widened value.
    private static void Number(Utf8JsonWriter json, string name, float? value)
    {
        if (value is { } number && float.IsFinite(number)) json.WriteNumber(name, number);
        else Number(json, name, (double?)value);
    }
}
