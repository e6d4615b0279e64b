using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A place of a model that can carry adapters: a layer, or a stacked weight of experts.</summary>
/// <param name="Path">The layer's path; of a weight, that of its module and its name.</param>
/// <param name="Module">The layer, or the module that owns the weight.</param>
/// <param name="Parameter">The weight's name; null for a layer.</param>
internal sealed record LoraSite(string Path, nn.Module Module, string? Parameter)
{
    private static readonly string[] Stacked = ["gate", "up", "down"];

    /// <summary>All places of a model, in its order.</summary>
    public static IReadOnlyList<LoraSite> Of(nn.Module model)
    {
        var sites = new List<LoraSite>();
        foreach (var (name, module) in model.named_modules())
        {
            if (module is Linear or Embedding or Conv2d) sites.Add(new(name, module, null));
            if (module is not StackedExperts) continue;
            foreach (var (parameter, _) in module.named_parameters(recurse: false))
                if (Stacked.Contains(parameter)) sites.Add(new($"{name}.{parameter}", module, parameter));
        }

        return sites;
    }

    /// <summary>The path of the module.</summary>
    public string ModulePath => Parameter is null ? Path : Path[..^(Parameter.Length + 1)];

    /// <summary>A new bank with adapters.</summary>
    public LoraBank Bank(IReadOnlyList<KeyValuePair<string, LoraSpec>> adapters, WeightLayout stacked, Generator? generator)
    {
        LoraBank bank = Module switch
        {
            Linear linear => new LinearLoraBank(linear),
            Embedding embedding => new EmbeddingLoraBank(embedding),
            Conv2d convolution => new ConvolutionLoraBank(convolution),
            _ => new StackedLoraBank(Module.get_parameter(Parameter!)!, stacked),
        };
        foreach (var (name, spec) in adapters) bank.Add(name, spec, generator);
        return bank;
    }
}
