namespace MoE.Conformance.Runner;

/// <summary>What a row is for.</summary>
internal enum RowKind
{
    /// <summary>An engine's outputs against the recorded ones.</summary>
    Forward,

    /// <summary>An engine's gradients against the recorded ones.</summary>
    Gradient,

    /// <summary>No engine claims the file's function; skipped.</summary>
    Unclaimed,

    /// <summary>The file cannot be parsed; fails.</summary>
    Unreadable,

    /// <summary>There is no file at all; fails.</summary>
    NoCase,
}

/// <summary>One line of the run.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Engine">The engine, or a dash.</param>
/// <param name="Kind">What it is for.</param>
/// <param name="Golden">The parsed file, or null.</param>
/// <param name="Reason">Why it is skipped or fails by itself, or null.</param>
internal sealed record Row(string File, string Engine, RowKind Kind, GoldenCase? Golden, string? Reason)
{
    /// <summary>Unique and complete: names the test case.</summary>
    public string Name => Kind switch
    {
        RowKind.Forward or RowKind.Gradient => $"{File} {Engine} {Kind.ToString().ToLowerInvariant()}",
        RowKind.Unclaimed => $"{File} unclaimed: {Golden!.Peer}/{Golden.Function}",
        _ => $"{File} {Reason}",
    };

    /// <summary>The rows of a set of files: one per claimed pair, and exactly one for a file without any.</summary>
    public static IReadOnlyList<Row> Of(Func<IReadOnlyList<CaseFile>> files, Claims claims, string source)
    {
        IReadOnlyList<CaseFile> found;
        try
        {
            found = files();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return [new Row(source, "-", RowKind.NoCase, null, $"cannot be read: {e.Message}")];
        }

        return found.Count == 0
            ? [new Row(source, "-", RowKind.NoCase, null, "holds no case")]
            : [.. found.SelectMany(file => Of(file, claims))];
    }

    private static IEnumerable<Row> Of(CaseFile file, Claims claims)
    {
        GoldenCase golden;
        try
        {
            golden = GoldenReader.Read(file.Read());
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return [new Row(file.Name, "-", RowKind.Unreadable, null, $"cannot be parsed: {e.Message}")];
        }

        var rows = claims.All.Where(claim => claim.Covers(golden))
            .Select(claim => new Row(file.Name, claim.Engine, claim.Part == Part.Forward ? RowKind.Forward : RowKind.Gradient, golden, null))
            .ToArray();
        return rows.Length > 0 ? rows : [new Row(file.Name, "-", RowKind.Unclaimed, golden, Unclaimed(golden, claims))];
    }

    private static string Unclaimed(GoldenCase golden, Claims claims)
    {
        string name = $"{golden.Peer}/{golden.Function}";
        return claims.All.Any(c => c.Peer == golden.Peer && c.Function == golden.Function)
            ? $"no engine claims {name} for {golden.Type} with these options"
            : $"no engine claims {name}";
    }
}
