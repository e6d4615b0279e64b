using MoE.Samples.Data.Readers;
using MoE.Samples.Data.Sets;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Tabular;

/// <summary>A table for two classification tasks: categories one-hot, quantities standardised, sums of money by log(1 + x) first.</summary>
/// <param name="Name">As in reports.</param>
/// <param name="Tasks">Names of the tasks.</param>
/// <param name="Features">[rows, Width].</param>
/// <param name="Labels">[tasks][rows].</param>
/// <param name="Width">Columns of the features.</param>
public sealed record TabularData(string Name, IReadOnlyList<string> Tasks, float[] Features, IReadOnlyList<bool[]> Labels, int Width)
{
    /// <summary>Number of rows.</summary>
    public int Rows => Labels[0].Length;

    /// <summary>Census, first group: income and marital status, neither of them a feature, nor education, which is the second group's task.</summary>
    public static TabularData CensusIncomeTask(CodedTable table) =>
        Of("census: income, never married", ["income", "never married"], table, CensusIncome.Quantities, CensusIncome.Money, [CensusIncome.Education, CensusIncome.MaritalStatus, CensusIncome.InstanceWeight, CensusIncome.Income],
            [table.Where(CensusIncome.Income, static w => w.StartsWith("50000+", StringComparison.Ordinal)), table.Where(CensusIncome.MaritalStatus, static w => w == "Never married")]);

    /// <summary>Census, second group: education (associate degree or higher, which gives the paper's correlation) and marital status.</summary>
    public static TabularData CensusEducationTask(CodedTable table) => CensusIncomeTask(table) with
    {
        Name = "census: education, never married",
        Tasks = ["education", "never married"],
        Labels = [table.Where(CensusIncome.Education, static w => Degrees.Any(d => w.StartsWith(d, StringComparison.Ordinal))), table.Where(CensusIncome.MaritalStatus, static w => w == "Never married")],
    };

    /// <summary>Adult: income and marital status; relationship, which tells the latter, is no feature.</summary>
    public static TabularData AdultTask(CodedTable table) =>
        Of("adult: income, never married", ["income", "never married"], table, Adult.Quantities, Adult.Money, [Adult.SampleWeight, Adult.MaritalStatus, Adult.Relationship, Adult.Income],
            [table.Where(Adult.Income, static w => w == "1"), table.Where(Adult.MaritalStatus, static w => w == "Never-married")]);

    private static readonly string[] Degrees = ["Associates degree", "Bachelors degree", "Masters degree", "Prof school degree", "Doctorate degree"];

    /// <summary>Makes one of a table.</summary>
    /// <param name="name">As in reports.</param>
    /// <param name="tasks">Names of the tasks.</param>
    /// <param name="table">The table.</param>
    /// <param name="quantities">Columns of numbers.</param>
    /// <param name="money">Those of them that are sums of money.</param>
    /// <param name="left">Columns that are no features.</param>
    /// <param name="labels">[tasks][rows].</param>
    /// <exception cref="InvalidDataException">A task has one class only.</exception>
    public static TabularData Of(string name, IReadOnlyList<string> tasks, CodedTable table, IReadOnlyList<int> quantities, IReadOnlyList<int> money, IReadOnlyList<int> left, IReadOnlyList<bool[]> labels)
    {
        for (int t = 0; t < tasks.Count; t++)
        {
            if (labels[t].All(static l => l) || !labels[t].Any(static l => l)) throw new InvalidDataException($"{name}: task {tasks[t]} has one class only");
        }

        int[] categories = [.. Enumerable.Range(0, table.Columns).Except(quantities).Except(left)];
        int width = quantities.Count + categories.Sum(c => table.Words(c).Count);
        float[] features = new float[table.Rows * width];
        int at = 0;
        foreach (int column in quantities)
        {
            double[] values = table.Numbers(column);
            if (money.Contains(column)) values = [.. values.Select(static v => Math.Log(1 + Math.Max(v, 0)))];
            double mean = values.Average(), deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
            for (int row = 0; row < values.Length; row++) features[row * width + at] = deviation > 0 ? (float)((values[row] - mean) / deviation) : 0;
            at++;
        }

        foreach (int column in categories)
        {
            var codes = table.Codes(column);
            for (int row = 0; row < codes.Count; row++) features[row * width + at + codes[row]] = 1;
            at += table.Words(column).Count;
        }

        return new(name, tasks, features, labels, width);
    }

    /// <summary>Features of some rows, [rows, Width].</summary>
    public Tensor X(ReadOnlySpan<int> rows)
    {
        float[] values = new float[rows.Length * Width];
        for (int i = 0; i < rows.Length; i++) Features.AsSpan(rows[i] * Width, Width).CopyTo(values.AsSpan(i * Width));
        return tensor(values, rows.Length, Width);
    }

    /// <summary>Labels of some rows, [rows, tasks].</summary>
    public Tensor Y(ReadOnlySpan<int> rows)
    {
        float[] values = new float[rows.Length * Labels.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int t = 0; t < Labels.Count; t++) values[i * Labels.Count + t] = Labels[t][rows[i]] ? 1 : 0;
        }

        return tensor(values, rows.Length, Labels.Count);
    }
}
