using System.Text;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Which rows a folder gives.</summary>
public sealed class RowTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("conformance").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_claimed_file_gives_one_row_per_engine_and_part()
    {
        Put("deep/down/a.json", Golden.Bytes("transformers/MixtralSparseMoeBlock__t10_e2_k1.json"));
        Put("deep/down/readme.txt", [1]);
        Assert.Equal(
            ["deep/down/a.json managed forward", "deep/down/a.json torch forward", "deep/down/a.json torch gradient"],
            Rows().Select(static r => r.Name).Order());
    }

    [Fact]
    public void A_type_that_an_engine_does_not_claim_gives_it_no_row()
    {
        Put("a.json", Golden.Bytes("transformers/MixtralSparseMoeBlock__t14_e8_k2_bf16.json"));
        Assert.Equal(["torch", "torch"], Rows().Select(static r => r.Engine));
    }

    [Fact]
    public void An_unclaimed_function_gives_one_skipped_row_with_its_name()
    {
        var json = Golden.Json("megatron/z_loss_func__t1_e2.json");
        json["function"] = "unknown";
        Put("a.json", Encoding.UTF8.GetBytes(json.ToJsonString()));
        var row = Assert.Single(Rows());
        var result = Run(row);
        Assert.Equal(Outcome.Skipped, result.Outcome);
        Assert.Contains("megatron/unknown", row.Name, StringComparison.Ordinal);
        Assert.Contains("megatron/unknown", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_outside_an_engines_claim_give_it_no_row()
    {
        Put("a.json", Golden.Bytes("megatron/apply_router_token_dropping__t12_e8_k2_cf1_pad.json"));
        Assert.Equal(["torch", "torch"], Rows().Select(static r => r.Engine));
    }

    [Fact]
    public void Options_outside_every_claim_give_one_skipped_row()
    {
        Put("a.json", Golden.Bytes("megatron/apply_router_token_dropping__t12_e8_k2_cf1_pad.json"));
        var claims = Claims.Read("""{"schema": 1, "claims": {"megatron": {"apply_router_token_dropping": {"managed": {"forward": ["float32"], "when": {"pad_to_capacity": [false]}}}}}}"""u8.ToArray());
        var row = Assert.Single(Row.Of(() => CaseSource.Files(_folder, typeof(RowTests).Assembly), claims, _folder));
        Assert.Equal(RowKind.Unclaimed, row.Kind);
        Assert.Contains("with these options", row.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"format\":")]
    [InlineData("{}")]
    [InlineData("null")]
    public void A_corrupt_file_gives_one_failing_row(string text)
    {
        Put("bad.json", Encoding.UTF8.GetBytes(text));
        Put("good.json", Golden.Bytes("megatron/get_capacity__grid1.json"));
        var row = Assert.Single(Rows(), static r => r.Golden is null);
        Assert.Equal(["managed", "torch"], Rows().Where(static r => r.Golden is not null).Select(static r => r.Engine).Order());
        Assert.Contains("bad.json cannot be parsed", row.Name, StringComparison.Ordinal);
        Assert.Equal(Outcome.Failed, Run(row).Outcome);
    }

    [Fact]
    public void A_shape_that_does_not_fit_gives_one_failing_row()
    {
        var json = Golden.Json("megatron/z_loss_func__t1_e2.json");
        json.Data("outputs", "loss").Add(1.0);
        Put("bad.json", Encoding.UTF8.GetBytes(json.ToJsonString()));
        Assert.Equal(Outcome.Failed, Run(Assert.Single(Rows())).Outcome);
    }

    [Fact]
    public void An_empty_folder_gives_one_failing_row()
    {
        Put("readme.txt", [1]);
        var row = Assert.Single(Rows());
        Assert.Contains("holds no case", row.Name, StringComparison.Ordinal);
        Assert.Equal(Outcome.Failed, Run(row).Outcome);
    }

    [Fact]
    public void A_folder_that_is_not_there_gives_one_failing_row()
    {
        string nowhere = Path.Combine(_folder, "nowhere");
        var row = Assert.Single(Row.Of(() => CaseSource.Files(nowhere, typeof(RowTests).Assembly), Golden.Claims, nowhere));
        Assert.Equal(Outcome.Failed, Run(row).Outcome);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_a_folder_the_own_cases_are_used(string? folder) =>
        Assert.Contains(CaseSource.Files(folder, typeof(RowTests).Assembly), static f => f.Name == "megatron/z_loss_func__t1_e2.json");

    [Fact]
    public void Names_are_unique() =>
        Assert.Distinct(Row.Of(() => [.. Golden.All], Golden.Claims, "").Select(static r => r.Name));

    private static RowResult Run(Row row) => new CaseRunner([], []).Run(row);

    private IReadOnlyList<Row> Rows() => Row.Of(() => CaseSource.Files(_folder, typeof(RowTests).Assembly), Golden.Claims, _folder);

    private void Put(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
