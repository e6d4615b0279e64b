using System.Buffers.Binary;
using System.Text;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Peft;

/// <summary>Adapter folders as PEFT writes them, byte by byte from the description of the layout and not from our writer.</summary>
internal static class PeftFolder
{
    public const string Config = """
        {"alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "acme/tiny", "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
         "layer_replication": null, "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 6, "lora_dropout": 0.05, "megatron_config": null, "modules_to_save": null,
         "peft_type": "LORA", "r": 2, "rank_pattern": {}, "revision": null, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": false}
        """;

    public static string Write(TemporaryFolder folder, string name, string config, params (string Name, long[] Shape, float[] Values)[] tensors)
    {
        string path = Path.Combine(folder.Path, name);
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, "adapter_config.json"), config);
        File.WriteAllBytes(Path.Combine(path, "adapter_model.safetensors"), Tensors(tensors));
        return path;
    }

    public static byte[] Tensors(params (string Name, long[] Shape, float[] Values)[] tensors)
    {
        var header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
        var data = new List<byte>();
        foreach (var (name, shape, values) in tensors)
        {
            header.Append($",\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{data.Count},{data.Count + 4 * values.Length}]}}");
            byte[] four = new byte[4];
            foreach (float value in values)
            {
                BinaryPrimitives.WriteSingleLittleEndian(four, value);
                data.AddRange(four);
            }
        }

        return Bytes.File(header.Append('}').ToString(), [.. data]);
    }

    public static (string Name, long[] Shape, float[] Values) Tensor(string name, params long[] shape) =>
        ($"base_model.model.{name}", shape, [.. Enumerable.Range(0, (int)shape.Aggregate(1L, static (a, b) => a * b)).Select(static i => (i % 7 - 3) / 8f)]);
}
