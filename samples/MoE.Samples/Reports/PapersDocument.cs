using System.Globalization;
using System.Text;
using MoE.Samples.Frame;

namespace MoE.Samples.Reports;

/// <summary>Results of papers as Markdown: one table with a row per paper, then every claim and control.</summary>
public static class PapersDocument
{
    private const string Samples = "../samples/MoE.Samples";

    /// <summary>Makes it.</summary>
    /// <param name="results">Whole runs, nothing left out; of several of one sample and scale the last counts.</param>
    /// <param name="samples">Their samples; results of others, and of samples that follow no paper, are left out.</param>
    public static string Of(IReadOnlyList<StoredResult> results, IReadOnlyList<Reproduction> samples)
    {
        var papers = samples.Where(static s => s.Paper.Length > 0)
            .Select(sample => (Sample: sample, Runs: results.Where(r => r.Id == sample.Id).GroupBy(static r => r.Scale).Select(static g => g.Last()).OrderBy(static r => r.Scale == "paper" ? 0 : 1).ToList()))
            .Where(static p => p.Runs.Count > 0).ToList();
        var text = new StringBuilder();
        text.Append("# Papers, run\n\nWritten by `dotnet run -c Release --project samples/MoE.Samples -- papers RESULTS... --out docs/papers.md` from the results of `run`; not edited by hand.\n");
        text.Append("Numbers are means over seeds with their 95 % interval, bounds were written before the run, and a claim holds only if its whole interval lies within. What did not come out is in the tables like the rest.\n\n");
        text.Append("| paper | main claim | our number | paper's number | verdict | all claims | scale |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        foreach (var (sample, runs) in papers)
        {
            foreach (var run in runs)
            {
                var main = run.Claims.FirstOrDefault(static c => !c.Exact) ?? run.Claims[0];
                string link = $"[{sample.Id}]({Samples}/{sample.Folder}/README.md)";
                text.Append(Row($"{link}: {sample.Paper}", main.Statement, $"{Measured(main)} {main.Unit}", Published(sample, main), main.Verdict, Count(run.Claims), run.Scale));
            }
        }

        foreach (var (sample, runs) in papers)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {sample.Id}\n\n{sample.Paper}. {sample.Data}.\n");
            foreach (var run in runs) Run(text, sample, run);
        }

        return text.ToString();
    }

    private static void Run(StringBuilder text, Reproduction sample, StoredResult run)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n`run {run.Id} --scale {run.Scale}`: {run.Seeds} seeds, {run.Seconds:0} s, {run.Date}, {run.Machine}\n\n");
        text.Append("| claim | our number | bound | paper's number | verdict |\n| --- | --- | --- | --- | --- |\n");
        foreach (var claim in run.Claims) text.Append(Row($"{claim.Statement} ({claim.Unit}){(claim.Exact ? ", exact" : "")}", Measured(claim), claim.Bound, Published(sample, claim), Verdict(claim)));
        foreach (var control in run.Controls) text.Append(Row($"control: {control.Statement} ({control.Unit})", Measured(control), control.Bound, Published(sample, control), Verdict(control)));
    }

    private static string Verdict(StoredResult.Claim claim) => claim.Verdict == "not-run" ? $"not run: {claim.Reason}" : claim.Verdict;

    private static string Published(Reproduction sample, StoredResult.Claim claim) =>
        sample.Claims.Concat(sample.Controls).FirstOrDefault(c => c.Id == claim.Id) is { Published.Length: > 0 } known ? known.Published : "-";

    private static string Count(IReadOnlyList<StoredResult.Claim> claims) =>
        $"{claims.Count(static c => c.Verdict == "holds")} of {claims.Count} hold{string.Concat(claims.Where(static c => c.Verdict != "holds").GroupBy(static c => c.Verdict).OrderBy(static g => g.Key, StringComparer.Ordinal).Select(static g => $"; {g.Key}: {string.Join(", ", g.Select(static c => c.Id))}"))}";

    private static string Measured(StoredResult.Claim claim)
    {
        if (claim.Verdict == "not-run") return "-";
        return claim.Exact || double.IsNaN(claim.Low) ? Short(claim.Measured) : $"{Short(claim.Measured)} [{Short(claim.Low)}, {Short(claim.High)}]";
    }

    private static string Short(double value) => Math.Abs(value) is 0 or (>= 0.001 and < 1e6) ? value.ToString("0.####", CultureInfo.InvariantCulture) : value.ToString("0.##E+0", CultureInfo.InvariantCulture);

    private static string Row(params string[] cells) => $"| {string.Join(" | ", cells.Select(static c => c.Replace("|", "\\|")))} |\n";
}
