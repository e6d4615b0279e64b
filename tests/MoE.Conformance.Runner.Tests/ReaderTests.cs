using System.Text;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Hostile files are refused with a reason, whatever is wrong with them.</summary>
public sealed class ReaderTests
{
    private const string Some = "megatron/z_loss_func__t1_e2.json";

    [Theory]
    [InlineData("", "not a golden file")]
    [InlineData("[]", "not an object")]
    [InlineData("{\"format\":\"moe-golden/1\"}", "peer is missing")]
    [InlineData("{\"format\":\"moe-golden/2\"}", "must be moe-golden/1")]
    [InlineData("{\"format\":\"moe-golden/1\",\"format\":\"moe-golden/1\"}", "not a golden file")]
    public void Files_that_are_none(string text, string reason) => Refused(Encoding.UTF8.GetBytes(text), reason);

    [Theory]
    [InlineData("""{"dtype":"float32","shape":[3],"data":[1,2]}""", "shape [3] holds 3 values, but data has 2")]
    [InlineData("""{"dtype":"float32","shape":[-1,-2],"data":[1,2]}""", "negative size")]
    [InlineData("""{"dtype":"float32","shape":[2147483647,2147483647,2147483647],"data":[1]}""", "overflow")]
    [InlineData("""{"dtype":"float32","shape":[1],"data":["1.5"]}""", "is not a number")]
    [InlineData("""{"dtype":"float32","shape":[1],"data":[1e39]}""", "out of range of float32")]
    [InlineData("""{"dtype":"float32","shape":[1],"data":[null]}""", "inputs.logits")]
    [InlineData("""{"dtype":"float32","shape":[1],"data":[true]}""", "inputs.logits")]
    [InlineData("""{"dtype":"bfloat16","shape":[1],"data":[0.1]}""", "is not a bfloat16")]
    [InlineData("""{"dtype":"int64","shape":[1],"data":[1.5]}""", "inputs.logits")]
    [InlineData("""{"dtype":"int32","shape":[1],"data":[2147483648]}""", "inputs.logits")]
    [InlineData("""{"dtype":"bool","shape":[1],"data":[1]}""", "inputs.logits")]
    [InlineData("""{"dtype":"complex64","shape":[1],"data":[1]}""", "dtype complex64 is not known")]
    [InlineData("""{"dtype":"float32","data":[1]}""", "shape is missing")]
    [InlineData("""{"dtype":"float32","shape":[1]}""", "data is missing")]
    public void Tensors_that_are_none(string tensor, string reason)
    {
        var json = Golden.Json(Some);
        json["inputs"]!["logits"] = System.Text.Json.Nodes.JsonNode.Parse(tensor);
        Refused(Encoding.UTF8.GetBytes(json.ToJsonString()), reason);
    }

    [Fact]
    public void Each_key_is_needed()
    {
        foreach (string key in new[] { "format", "peer", "function", "case", "options", "inputs", "weights", "random", "outputs", "grads", "has_ties", "index_check", "topk_order" })
        {
            var json = Golden.Json(Some);
            json.AsObject().Remove(key);
            Refused(Encoding.UTF8.GetBytes(json.ToJsonString()), $"{key} is missing");
        }
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        byte[] whole = Golden.Bytes(Some);
        int end = Encoding.UTF8.GetString(whole).TrimEnd().Length;
        for (int length = 0; length < end; length += 7)
        {
            byte[] cut = whole[..length];
            Assert.Throws<InvalidDataException>(() => GoldenReader.Read(cut));
        }
    }

    [Fact]
    public void Non_finite_numbers_are_words()
    {
        var json = Golden.Json(Some);
        json["inputs"]!["logits"] = System.Text.Json.Nodes.JsonNode.Parse("""{"dtype":"float32","shape":[3],"data":["inf","-inf","nan"]}""");
        double[] read = Golden.Read(json).Inputs["logits"].Tensor!.Reals.ToArray();
        Assert.Equal([double.PositiveInfinity, double.NegativeInfinity, double.NaN], read);
    }

    [Fact]
    public void Bare_numbers_and_lists_are_tensors()
    {
        var json = Golden.Json(Some);
        json["outputs"] = System.Text.Json.Nodes.JsonNode.Parse("""{"a":4,"b":4.5,"c":[1,2],"d":[1,2.5],"e":{"x":1,"y":{"z":[3]}},"f":null,"g":["word"]}""");
        var outputs = Golden.Read(json).Outputs;
        Assert.Equal("int[]", outputs["a"].Tensor!.ToString());
        Assert.Equal("float[]", outputs["b"].Tensor!.ToString());
        Assert.Equal("int[2]", outputs["c"].Tensor!.ToString());
        Assert.Equal("float[2]", outputs["d"].Tensor!.ToString());
        Assert.Equal("int[]", outputs["e.x"].Tensor!.ToString());
        Assert.Equal("int[1]", outputs["e.y.z"].Tensor!.ToString());
        Assert.All(["f", "g"], key => Assert.Null(outputs[key].Tensor));
    }

    [Fact]
    public void Every_own_case_is_read() => Assert.All(Golden.All, file => GoldenReader.Read(file.Read()));

    private static void Refused(byte[] file, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => GoldenReader.Read(file)).Message, StringComparison.OrdinalIgnoreCase);
}
