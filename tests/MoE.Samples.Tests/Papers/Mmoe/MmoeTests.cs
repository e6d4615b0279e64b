using System.Text;
using MoE.Samples.Data.Readers;
using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Papers.Mmoe;
using MoE.Samples.Papers.Mmoe.Dtrn;
using MoE.Samples.Papers.Mmoe.Synthetic;
using MoE.Samples.Papers.Mmoe.Tabular;
using MoE.Samples.Ratings;
using TorchSharp;

namespace MoE.Samples.Tests.Papers.Mmoe;

public sealed class MmoeTests
{
    private static readonly Plan Tiny = new(2, new(3, 500, 2), [0.5, 1], [1e-3], new(300, 2), new(300, 2), new(300, 2));

    [Fact]
    public void The_area_under_the_curve_is_the_share_of_ordered_pairs()
    {
        Assert.Equal(1, Auc.Of([0.1f, 0.2f, 0.7f], [false, false, true]));
        // Pairs: 0.5 against 0.2 won, against 0.5 tied, against 0.9 lost; 0.9 wins twice and ties once.
        Assert.Equal((1 + 0.5 + 0 + 1 + 1 + 0.5) / 6, Auc.Of([0.5f, 0.9f, 0.2f, 0.5f, 0.9f], [true, true, false, false, false]), 12);
        Assert.True(double.IsNaN(Auc.Of([1f, 2f], [true, true])));
    }

    [Fact]
    public void Architectures_have_the_papers_numbers_of_parameters()
    {
        using var shared = new BatchedModel(Architecture.SharedBottom, 2);
        using var multi = new BatchedModel(Architecture.MultiGate, 2);
        // Towers: 113 x 8 or 16 x 8 weights, a bias and a head each; experts 100 x 16 x 8 with biases; two gates 100 x 8.
        Assert.Equal(100 * 113 + 113 + 2 * (113 * 8 + 8 + 8 + 1), shared.Parameters);
        Assert.Equal(100 * 128 + 128 + 2 * 800 + 2 * (16 * 8 + 8 + 8 + 1), multi.Parameters);
    }

    [Fact]
    public void Repetitions_trained_side_by_side_are_apart()
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(4);
        using var model = new BatchedModel(Architecture.MultiGate, 3);
        var x = torch.randn(3, 20, SyntheticTasks.Width);
        var before = model.call(x).detach().clone();
        using (torch.no_grad()) x[1].zero_();
        var after = model.call(x);
        Assert.Equal(0, (before[0] - after[0]).abs().max().item<float>());
        Assert.True((before[1] - after[1]).abs().max().item<float>() > 0);
        after[2].sum().backward();
        foreach (var parameter in model.parameters())
        {
            // Towers of both tasks lie behind each other.
            int[] others = parameter.shape[0] == 6 ? [0, 1, 3, 4] : [0, 1];
            foreach (int other in others) Assert.Equal(0, parameter.grad![other].abs().max().item<float>());
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1.0)]
    public void Tasks_have_the_correlation_asked_for(double correlation)
    {
        using var scope = torch.NewDisposeScope();
        var (x, y) = SyntheticTasks.Draw(3, correlation, 2, 3000);
        // At correlation 1 the tasks differ by two draws of noise, whose variance is 0.01 each; five standard errors of it.
        double difference = (y.select(2, 0) - y.select(2, 1)).square().mean().item<float>();
        if (correlation == 1) Assert.InRange(difference, 0.02 - 5 * 0.02 * Math.Sqrt(2.0 / 6000), 0.02 + 5 * 0.02 * Math.Sqrt(2.0 / 6000));
        else Assert.True(difference > 0.1, $"{difference}");
        Assert.True((x[0] - x[1]).abs().max().item<float>() > 0);
    }

    [Fact]
    public void Bits_change_by_the_shared_path_alone()
    {
        for (int i = 0; i < 3; i++)
        {
            var changes = RoutingIdentity.Count(Random.Shared.Next());
            Assert.Equal((0, 0), (changes.Cgc, changes.PleWithoutSharedPath));
            Assert.True(changes.Ple > 0);
        }
    }

    [Fact]
    public void The_first_group_of_the_census_shows_neither_task_nor_weight()
    {
        var table = Census(200);
        var income = TabularData.CensusIncomeTask(table);
        Assert.Equal(200, income.Rows);
        // Seven quantities, and two words in each of the 31 columns that are left.
        Assert.Equal(7 + 2 * 31, income.Width);
        Assert.Equal(Enumerable.Range(0, 200).Select(static i => i % 4 == 0), income.Labels[0]);
        Assert.Equal(Enumerable.Range(0, 200).Select(static i => i % 3 == 0), income.Labels[1]);
        Assert.Equal(Enumerable.Range(0, 200).Select(static i => i % 5 == 0), TabularData.CensusEducationTask(table).Labels[0]);
        // Standardised: mean 0, variance 1.
        double[] age = [.. Enumerable.Range(0, 200).Select(r => (double)income.Features[r * income.Width])];
        Assert.Equal(0, age.Average(), 5);
        Assert.Equal(1, age.Average(static v => v * v), 4);
    }

    [Fact]
    public void A_sequence_holds_nothing_later_than_its_rating()
    {
        var data = new RatingSequences(Films(users: 3, each: 20));
        var all = data.Training.Concat(data.Testing).Order().ToArray();
        Assert.Equal(60, all.Length);
        Assert.Equal(12, data.Testing.Length);
        using var scope = torch.NewDisposeScope();
        var batch = data.Take(all);
        long[] films = batch.Films.data<long>().ToArray(), past = batch.Sequences.data<long>().ToArray();
        for (int r = 0; r < 60; r++)
        {
            // Every user rates films in the order of their numbers.
            long[] rated = [.. past[(r * 30 + 20)..(r * 30 + 30)].Where(static f => f > 0)];
            Assert.Equal(Enumerable.Range(0, (int)films[r] - 1).Select(static i => i + 1L).TakeLast(10), rated);
            long[] liked = [.. past[(r * 30)..(r * 30 + 10)].Where(static f => f > 0)];
            Assert.All(liked, f => Assert.True(f < films[r] && f % 2 == 0));
        }
    }

    [Fact]
    public void A_task_on_the_same_input_twice_is_the_librarys_module()
    {
        foreach (var architecture in Enum.GetValues<TaskArchitecture>())
        {
            using var scope = torch.NewDisposeScope();
            using var model = new TaskModel(architecture, 9);
            var x = torch.randn(5, 9);
            // An input of its own per task that happens to be equal gives the same logits.
            var difference = model.call([x, x]) - model.call([x, x.clone()]);
            Assert.InRange(difference.abs().max().item<float>(), 0, 1e-6f);
            Assert.Equal([5, 2], model.call([x, x]).shape);
        }
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        using var folder = Data();
        var whole = PaperRun.Of(new MmoeSample(Tiny), "--data", folder.Path);
        foreach (string exact in new[] { "cgc-bits", "ple-shared-path-only", "library-mixture", "ple-bits" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        Assert.All(whole.GetProperty("claims").EnumerateArray(), static c => Assert.NotEqual("not-run", c.GetProperty("verdict").GetString()));
        Assert.NotEqual(0, PaperRun.Measured(whole, "synthetic-gain"));
        Assert.Equal(0, PaperRun.Measured(PaperRun.Of(new MmoeSample(Tiny), "--data", folder.Path, "--ablate", "task-gates"), "synthetic-gain"));
        var plain = PaperRun.Of(new MmoeSample(Tiny), "--data", folder.Path, "--ablate", "refinement");
        Assert.Equal("fails", PaperRun.Verdict(plain, "dtrn-norms-differ"));
        Assert.NotEqual(0, PaperRun.Measured(plain, "dtrn-mmoe"));
    }

    [Fact]
    public void Without_data_the_synthetic_part_runs_and_the_rest_says_why_not()
    {
        using var folder = new TemporaryFolder();
        var result = PaperRun.Of(new MmoeSample(Tiny), "--data", folder.Path);
        Assert.NotEqual("not-run", PaperRun.Verdict(result, "synthetic-gain"));
        foreach (var (id, set) in new[] { ("census-income", "census-income-kdd"), ("adult-difference", "adult"), ("dtrn-ple", "movielens-latest-small-2018") })
        {
            Assert.Equal("not-run", PaperRun.Verdict(result, id));
            string reason = result.GetProperty("claims").EnumerateArray().Single(c => c.GetProperty("id").GetString() == id).GetProperty("reason").GetString()!;
            Assert.Contains($"data get {set}", reason, StringComparison.Ordinal);
        }
    }

    private static TemporaryFolder Data()
    {
        var folder = new TemporaryFolder();
        using (var file = new System.IO.Compression.GZipStream(File.Create(folder.File("census-income-kdd", "census-income.test.gz")), System.IO.Compression.CompressionMode.Compress))
            file.Write(Encoding.UTF8.GetBytes(CensusText(300)));
        File.WriteAllText(folder.File("adult", "adult.txt"), "header, of, fifteen, columns, e, f, g, h, i, j, k, l, m, n, o\n" + string.Concat(Enumerable.Range(0, 300).Select(static i =>
            $"{20 + i % 50}, Private, 1, HS, {i % 16}, {(i % 3 == 0 ? "Never-married" : "Divorced")}, Sales, Wife, White, Male, 0, {i % 7}, 40, Here, {(i % 4 == 0 ? 1 : 0)}\n")));
        var films = Films(10, 30);
        File.WriteAllText(folder.File("movielens-latest-small-2018", "ratings.csv"), "userId,movieId,rating,timestamp\n" + string.Concat(films.Ratings.Select(static r => FormattableString.Invariant($"{r.User},{r.Film},{r.Stars},{r.Time}\n"))));
        File.WriteAllText(folder.File("movielens-latest-small-2018", "movies.csv"), "movieId,title,genres\n" + string.Concat(films.Genres.Select(static g => $"{g.Key},\"A, film\",{string.Join('|', g.Value)}\n")));
        return folder;
    }

    private static MovieLensSmall Films(int users, int each) => new(
        [.. Enumerable.Range(0, users).SelectMany(u => Enumerable.Range(0, each).Select(f => new MovieLensSmall.Rating(u + 1, f + 10, (f + 1) % 2 == 0 ? 4.5 + 0.5 * (f % 3 == 0 ? 1 : 0) : f % 5 == 0 ? 1 : 3, 1000 + f)))],
        Enumerable.Range(0, each).ToDictionary(static f => f + 10, static f => (string[])[f % 2 == 0 ? "Drama" : "Comedy", "War"]));

    private static CodedTable Census(int rows) => CodedTable.Read(new MemoryStream(Encoding.UTF8.GetBytes(CensusText(rows))), CensusIncome.Columns, header: false);

    // Words of two kinds in every column of categories; numbers in those of quantities.
    private static string CensusText(int rows) => string.Concat(Enumerable.Range(0, rows).Select(static i => string.Join(", ", Enumerable.Range(0, CensusIncome.Columns).Select(c => c switch
    {
        CensusIncome.Education => i % 5 == 0 ? "Bachelors degree(BA AB BS)" : "High school graduate",
        CensusIncome.MaritalStatus => i % 3 == 0 ? "Never married" : "Divorced",
        CensusIncome.InstanceWeight => $"{1000 + i}.5",
        CensusIncome.Income => i % 4 == 0 ? "50000+." : "- 50000.",
        _ when CensusIncome.Quantities.Contains(c) => $"{i * (c + 3) % 97}",
        _ => (i * 7 + c) % 2 == 0 ? "yes" : "no",
    })) + "\n"));
}
