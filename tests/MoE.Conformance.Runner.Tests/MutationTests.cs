using System.Text.Json.Nodes;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Cases that pass, changed so that they must not.</summary>
public sealed class MutationTests
{
    private const string Mixtral = "transformers/MixtralSparseMoeBlock__t10_e2_k1.json";
    private const string Unordered = "transformers/DeepseekV3MoE__t12_e16_k4_g4_tg2_bias.json";
    private const string Ties = "megatron/topk_routing_with_score_function__t5_e6_k3_ties.json";

    public static TheoryData<string> Claimed() => [.. Golden.All
        .Where(static f => Golden.Claims.All.Any(c => c.Engine == "managed" && c.Covers(GoldenReader.Read(f.Read()))))
        .Select(static f => f.Name)];

    [Theory]
    [MemberData(nameof(Claimed))]
    public void As_recorded_it_passes(string name)
    {
        var result = Golden.Forward(Golden.Json(name));
        Assert.True(result.Outcome == Outcome.Passed, result.Message);
        Assert.Equal(GoldenReader.Read(Golden.Bytes(name)).Outputs.Values.Sum(static v => (long)(v.Tensor?.Count ?? 0)), result.Values);
    }

    [Theory]
    [MemberData(nameof(Claimed))]
    public void A_wrong_number_in_any_output_fails(string name)
    {
        var golden = GoldenReader.Read(Golden.Bytes(name));
        foreach (string key in golden.Outputs.Keys)
        {
            var json = Golden.Json(name);
            if (golden.Outputs[key].Tensor is not { Count: > 0 }) continue;
            var (holder, place) = Find(json["outputs"]!, key);
            if (holder[place] is JsonValue scalar)
            {
                holder[place] = Wrong(scalar);
            }
            else
            {
                var data = holder[place] as JsonArray ?? holder[place]!["data"]!.AsArray();
                int at = data.Count / 2;
                data[at] = Wrong(data[at]!);
            }

            var result = Golden.Forward(json);
            // Where experts tie, another one of them is as right; the row then says that it was replayed.
            bool tied = golden.ByValue && golden.Outputs[key].Tensor!.Kind == ElementKind.Integer && result.Message?.Contains("replayed", StringComparison.Ordinal) == true;
            Assert.True(result.Outcome == Outcome.Failed || tied, $"{key} of {name} was changed, and the case passed");
        }
    }

    [Theory]
    [MemberData(nameof(Claimed))]
    public void A_missing_output_fails(string name)
    {
        foreach (string key in GoldenReader.Read(Golden.Bytes(name)).Outputs.Keys)
        {
            var json = Golden.Json(name);
            if (GoldenReader.Read(Golden.Bytes(name)).Outputs[key].Tensor is null) continue;
            var (holder, last) = Find(json["outputs"]!, key);
            holder.Remove(last);
            Assert.Contains($"outputs.{key} is missing from the file", Failure(Golden.Forward(json)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_output_that_nobody_compares_fails()
    {
        var json = Golden.Json(Mixtral);
        json["outputs"]!["entropy"] = 1.5;
        Assert.Contains("outputs.entropy is not mapped", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("inputs")]
    [InlineData("weights")]
    [InlineData("random")]
    public void An_input_that_nobody_reads_fails(string group)
    {
        var json = Golden.Json(Mixtral);
        json[group]!["extra"] = json["inputs"]!["hidden_states"]!.DeepClone();
        Assert.Contains($"{group}.extra", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_option_fails()
    {
        var json = Golden.Json(Mixtral);
        json["options"]!.AsObject().Remove("num_experts_per_tok");
        Assert.Contains("options.num_experts_per_tok is missing", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_weight_fails()
    {
        var json = Golden.Json(Mixtral);
        json["weights"]!.AsObject().Remove("experts.up");
        Assert.Contains("weights.experts.up is missing", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_read_and_not_the_name()
    {
        var json = Golden.Json("transformers/OlmoeSparseMoeBlock.norm__t16_e4_k2.json");
        json["options"]!["norm_topk_prob"] = false;
        Failure(Golden.Forward(json));
        json["function"] = "OlmoeSparseMoeBlock.nonorm";
        Failure(Golden.Forward(json));
        json["options"]!["norm_topk_prob"] = true;
        Assert.Equal(Outcome.Passed, Golden.Forward(json).Outcome);
    }

    [Fact]
    public void Choices_in_another_order_pass_only_where_the_peer_leaves_it_open()
    {
        var json = Golden.Json(Unordered);
        foreach (string key in new[] { "topk_weights", "topk_indices" }) SwapFirstTwo(json.Data("outputs", key));
        Assert.Equal(Outcome.Passed, Golden.Forward(json).Outcome);
        json["topk_order"] = "descending";
        Assert.Contains("another order", Failure(Golden.Forward(json)), StringComparison.Ordinal);
        json["topk_order"] = "unspecified";
        SwapFirstTwo(json.Data("outputs", "topk_weights"));
        Assert.Contains("outputs.topk_weights", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void Ties_are_replayed_only_where_the_file_says_by_value()
    {
        var json = Golden.Json(Ties);
        Assert.Contains("replayed", Golden.Forward(json).Message, StringComparison.Ordinal);
        json["index_check"] = "exact";
        Failure(Golden.Forward(json));
    }

    [Fact]
    public void What_is_replayed_is_still_compared()
    {
        foreach (string key in new[] { "routing_probs", "dense_probs" })
        {
            var json = Golden.Json(Ties);
            var data = json.Data("outputs", key);
            int at = Enumerable.Range(0, data.Count).First(i => data[i]!.GetValue<double>() > 0);
            data[at] = data[at]!.GetValue<double>() * 1.001;
            Assert.Contains($"outputs.{key}", Failure(Golden.Forward(json)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_choice_that_no_tie_allows_fails()
    {
        var json = Golden.Json("transformers/Qwen3MoeSparseMoeBlock.norm__t16_e4_k2.json");
        json["index_check"] = "by_value";
        var ids = json.Data("outputs", "topk_indices");
        ids[0] = Enumerable.Range(0, 4).First(e => e != ids[0]!.GetValue<int>() && e != ids[1]!.GetValue<int>());
        Assert.Contains("not a tie", Failure(Golden.Forward(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void An_expert_out_of_range_fails()
    {
        var json = Golden.Json(Ties);
        json.Data("outputs", "dense_indices")[0] = 99;
        Failure(Golden.Forward(json));
    }

    [Fact]
    public void A_file_that_records_nothing_fails()
    {
        var json = Golden.Json("megatron/z_loss_func__t1_e2.json");
        json["outputs"] = new JsonObject();
        Failure(Golden.Forward(json));
    }

    // A dotted name can be an object of its own: key.name.
    private static (JsonObject Holder, string Name) Find(JsonNode node, string key)
    {
        var holder = node.AsObject();
        while (!holder.ContainsKey(key))
        {
            string outer = holder.Select(static p => p.Key).First(k => key.StartsWith($"{k}.", StringComparison.Ordinal));
            (holder, key) = (holder[outer]!.AsObject(), key[(outer.Length + 1)..]);
        }

        return (holder, key);
    }

    private static string Failure(RowResult result)
    {
        Assert.Equal(Outcome.Failed, result.Outcome);
        return result.Message!;
    }

    private static void SwapFirstTwo(JsonArray data) => (data[0], data[1]) = (data[1]!.DeepClone(), data[0]!.DeepClone());

    private static JsonNode Wrong(JsonNode value) => value.GetValueKind() switch
    {
        System.Text.Json.JsonValueKind.True => false,
        System.Text.Json.JsonValueKind.False => true,
        System.Text.Json.JsonValueKind.String => 0.5,
        _ when value.AsValue().TryGetValue(out long whole) && !value.ToJsonString().Contains('.', StringComparison.Ordinal) => whole + 1,
        _ => (value.GetValue<double>() * 1.001) + 0.01,
    };
}
