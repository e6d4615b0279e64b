using System.Security.Cryptography;
using MoE.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Adapters between PEFT folders and a model.</summary>
internal static class LoraFiles
{
    /// <summary>Metadata key: SHA-256 over the base weights that an adapter changes. PEFT reads past it.</summary>
    private const string BaseHash = "moe_base_sha256";

    public static LoraModel Load(nn.Module model, IReadOnlyList<KeyValuePair<string, string>> adapters, LoraLoadOptions options)
    {
        var problems = new List<string>();
        var sites = LoraSite.Of(model);
        var opened = new List<(string Name, PeftAdapter Adapter, Dictionary<string, PeftLayer> Layers)>();
        try
        {
            foreach (var (name, folder) in adapters)
            {
                if (string.IsNullOrEmpty(name) || name.Contains('.', StringComparison.Ordinal)) problems.Add($"adapter \"{name}\": the name must not be empty or hold a dot");
                if (opened.Any(o => o.Name == name)) problems.Add($"adapter {name}: is given twice");
                try
                {
                    var adapter = PeftAdapter.Open(folder);
                    opened.Add((name, adapter, new(StringComparer.Ordinal)));
                    Check(opened[^1], sites, options, problems);
                }
                catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
                {
                    problems.Add($"adapter {name}: {e.Message}");
                }
            }

            if (!options.DifferentTargets) CheckSame(opened, problems);
            if (problems.Count > 0) throw new InvalidDataException($"{problems.Count} problem{(problems.Count == 1 ? "" : "s")}: {string.Join("; ", problems.Take(50))}{(problems.Count > 50 ? $"; and {problems.Count - 50} more" : "")}");
            return Attach(model, sites, opened, options);
        }
        finally
        {
            foreach (var o in opened) o.Adapter.Dispose();
        }
    }

    public static void Save(LoraModel lora, string adapter, string folder, string? baseModel)
    {
        using var scope = NewDisposeScope();
        var banks = lora.Sites.Select(s => (Site: s, Bank: lora.Layer(s.Path))).ToArray();
        var tensors = new List<SafetensorsTensor>();
        var specs = new List<(string Path, LoraSpec Spec)>();
        foreach (var (site, bank) in banks)
        {
            var spec = bank.Spec(adapter);
            string path = OnDisk(site, lora.Sites);
            specs.Add((path, spec));
            string at = $"base_model.model.{path}";
            bool embedding = bank is EmbeddingLoraBank;
            tensors.Add(Whole(embedding ? $"{at}.lora_embedding_A" : $"{at}.lora_A.weight", bank.A(adapter)));
            tensors.Add(Whole(embedding ? $"{at}.lora_embedding_B" : $"{at}.lora_B.weight", bank.B(adapter)));
            if (bank.Magnitude(adapter) is { } magnitude) tensors.Add(Whole($"{at}.lora_magnitude_vector", bank is ConvolutionLoraBank ? magnitude.view(1, -1, 1, 1) : magnitude));
        }

        var first = specs[0].Spec;
        if (specs.FirstOrDefault(s => s.Spec with { Rank = first.Rank, Alpha = first.Alpha } != first) is { Path: not null } other)
            throw new NotSupportedException($"adapter {adapter} has other options on {other.Path} than on {specs[0].Path}; only rank and alpha may differ between the layers of a file");
        var config = new PeftLoraConfig
        {
            Lora = first,
            Targets = [.. banks.Where(static b => b.Site.Parameter is null).Select(static b => b.Site.Path)],
            TargetParameters = [.. banks.Where(static b => b.Site.Parameter is not null).Select(static b => b.Site.Path)],
            RankPattern = specs.Where(s => s.Spec.Rank != first.Rank).ToDictionary(static s => Exactly(s.Path), static s => s.Spec.Rank),
            AlphaPattern = specs.Where(s => s.Spec.Alpha != first.Alpha).ToDictionary(static s => Exactly(s.Path), static s => s.Spec.Alpha),
            BaseModel = baseModel,
        };
        PeftAdapter.Write(folder, config, tensors, [new(BaseHash, Hash(banks.Select(static b => (b.Site.Path, b.Bank.BaseWeight))))]);
    }

    public static void Save(XLoraMixer mixer, LoraModel lora, string folder, string? baseModel)
    {
        using var scope = NewDisposeScope();
        var spec = mixer.Classifier.Spec;
        string[] unsaid = [.. new (bool Is, string Words)[] { (!spec.Bias, "no biases"), (!spec.ReluAndDropout, "no ReLU"), (spec.SoftmaxAcrossTokens, "a softmax across tokens") }.Where(static u => u.Is).Select(static u => u.Words)];
        if (unsaid.Length > 0) throw new NotSupportedException($"the gate has {string.Join(" and ", unsaid)}: PEFT's configuration cannot say that");
        foreach (string name in lora.Adapters) lora.Save(name, Path.Combine(folder, name), baseModel);
        var tensors = new List<SafetensorsTensor>();
        foreach (var (name, value) in mixer.Classifier.state_dict())
        {
            // layers.2.weight: PEFT counts the ReLU and, where there is any, the dropout between.
            string[] parts = name.Split('.');
            int at = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) * (spec.Dropout > 0 ? 3 : 2);
            tensors.Add(Whole($"{Classifier}{at}.{parts[2]}", value));
        }

        var config = new PeftXLoraConfig { Gate = spec, Adapters = [.. lora.Adapters.Select(static a => new KeyValuePair<string, string>(a, $"./{a}"))], BaseModel = baseModel };
        PeftGate.Write(folder, config, tensors);
    }

    public static (LoraModel Lora, XLoraMixer Mixer) LoadGate(nn.Module model, string folder, LoraLoadOptions options)
    {
        using var gate = PeftGate.Open(folder);
        if (options.BaseModel is { } wanted && gate.Config.BaseModel is { } given && wanted != given) throw new InvalidDataException($"{folder}: its base is {given}; must be {wanted}");
        var lora = Load(model, [.. gate.Config.Adapters.Select(a => new KeyValuePair<string, string>(a.Key, Path.Combine(folder, a.Value)))], options);
        try
        {
            var spec = gate.Config.WithLayers(lora.Wrapped.Count);
            var values = gate.Layers(spec);
            var mixer = new XLoraMixer(lora, spec);
            var state = mixer.Classifier.state_dict();
            for (int i = 0; i < values.Count; i++)
            {
                Fill(state[$"layers.{i}.weight"], values[i].Weight);
                if (spec.Bias) Fill(state[$"layers.{i}.bias"], values[i].Bias);
            }

            return (lora, mixer);
        }
        catch
        {
            lora.Dispose();
            throw;
        }
    }

    private const string Classifier = "base_model.internal_xlora_classifier.layers.";

    /// <summary>A tensor to be written, in its own type.</summary>
    public static SafetensorsTensor Whole(string name, Tensor tensor)
    {
        var host = tensor.detach().cpu().contiguous();
        var type = host.dtype switch
        {
            ScalarType.Float32 => SafetensorsType.F32,
            ScalarType.Float64 => SafetensorsType.F64,
            ScalarType.BFloat16 => SafetensorsType.BF16,
            ScalarType.Float16 => SafetensorsType.F16,
            _ => throw new NotSupportedException($"tensor {name} is {host.dtype}; must be a floating type"),
        };
        return new SafetensorsTensor(name, type, host.shape, host.bytes.ToArray());
    }

    /// <summary>Copies single precision values into a parameter of any floating type.</summary>
    public static void Fill(Tensor parameter, float[] values)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        parameter.copy_(tensor(values).view(parameter.shape));
    }

    private static void Check((string Name, PeftAdapter Adapter, Dictionary<string, PeftLayer> Layers) o, IReadOnlyList<LoraSite> sites, LoraLoadOptions options, List<string> problems)
    {
        var config = o.Adapter.Config;
        string who = $"adapter {o.Name}";
        if (options.BaseModel is { } wanted && config.BaseModel is { } given && wanted != given) problems.Add($"{who}: its base is {given}; must be {wanted}");
        var byDisk = new Dictionary<string, LoraSite>(StringComparer.Ordinal);
        foreach (var site in sites.Where(s => s.Parameter is null)) byDisk.TryAdd(site.Path, site);
        var stacked = sites.Where(s => s.Parameter is not null && config.TargetParameters.Any(t => PeftLoraConfig.Names(t, s.Path))).ToArray();
        foreach (var site in stacked) byDisk.TryAdd(OnDisk(site, stacked), site);
        foreach (string target in config.TargetParameters.Where(t => !stacked.Any(s => PeftLoraConfig.Names(t, s.Path)))) problems.Add($"{who}: target_parameters names {target}; the model has no such stacked weight");
        foreach (var site in stacked.Where(s => !o.Adapter.Layers.Any(l => l.Path == OnDisk(s, stacked)))) problems.Add($"{who}: target_parameters names {site.Path}; it has no tensors");
        bool same = true;
        foreach (var layer in o.Adapter.Layers)
        {
            if (!byDisk.TryGetValue(layer.Path, out var site))
            {
                problems.Add($"{who}: layer {layer.Path} is not in the model");
                same = false;
                continue;
            }

            o.Layers.Add(site.Path, layer);
            string? problem = Fit(site, layer, options.StackedLayout);
            if (problem is null) continue;
            problems.Add($"{who}: layer {layer.Path}: {problem}");
            same = false;
        }

        // Equal shapes can still be another model's.
        if (same && o.Adapter.Metadata.TryGetValue(BaseHash, out string? hash) && hash != Hash(sites.Where(s => o.Layers.ContainsKey(s.Path)).Select(static s => (s.Path, Weight(s)))))
            problems.Add($"{who}: was trained on other base weights (SHA-256 {Short(hash)}) than the model's");
    }

    private static string? Fit(LoraSite site, PeftLayer layer, WeightLayout layout)
    {
        long[] w = Weight(site).shape, a = layer.A.Shape.ToArray(), b = layer.B.Shape.ToArray();
        long r = layer.Spec.Rank;
        long[] wantedA, wantedB;
        switch (site.Module)
        {
            case Linear:
                (wantedA, wantedB) = ([r, w[1]], [w[0], r]);
                break;
            case Embedding:
                (wantedA, wantedB) = ([r, w[0]], [w[1], r]);
                break;
            case Conv2d convolution:
                if (r % convolution.groups != 0) return $"has rank {r}; must be a multiple of the layer's {convolution.groups} groups";
                if (layer.Spec.Magnitude && convolution.groups != 1) return $"has a magnitude, which a convolution of {convolution.groups} groups does not carry";
                (wantedA, wantedB) = ConvolutionLoraBank.Shapes(w, convolution.groups, r);
                break;
            default:
                var (inputs, outputs) = layout == WeightLayout.OutputsByInputs ? (w[2], w[1]) : (w[1], w[2]);
                (wantedA, wantedB) = ([w[0] * r, inputs], [outputs, w[0] * r]);
                if (a.SequenceEqual([w[0] * r, outputs]) && b.SequenceEqual([inputs, w[0] * r]) && inputs != outputs)
                    return $"A is {Text(a)} and B is {Text(b)}: the adapter takes the other axis of the stacked weight for its input; load it with {nameof(LoraLoadOptions.StackedLayout)} {(layout == WeightLayout.OutputsByInputs ? WeightLayout.InputsByOutputs : WeightLayout.OutputsByInputs)}";
                break;
        }

        if (layer.IsEmbedding != site.Module is Embedding) return layer.IsEmbedding ? "the tensors are those of an embedding; the model's layer is none" : "the tensors are not those of an embedding; the model's layer is one";
        if (layer.Spec.Magnitude && site.Module is not (Linear or Conv2d)) return "has a magnitude, which only linear layers and convolutions carry";
        return a.SequenceEqual(wantedA) && b.SequenceEqual(wantedB) ? null : $"A is {Text(a)} and B is {Text(b)}; the model's weight {Text(w)} needs {Text(wantedA)} and {Text(wantedB)}";
    }

    private static void CheckSame(List<(string Name, PeftAdapter Adapter, Dictionary<string, PeftLayer> Layers)> opened, List<string> problems)
    {
        string[] all = [.. opened.SelectMany(static o => o.Layers.Keys).Distinct().Order(StringComparer.Ordinal)];
        foreach (var o in opened)
        {
            string[] missing = [.. all.Where(p => !o.Layers.ContainsKey(p))];
            if (missing.Length > 0) problems.Add($"adapter {o.Name}: does not target {string.Join(", ", missing.Take(10))}{(missing.Length > 10 ? $" and {missing.Length - 10} more" : "")}, as others do");
        }
    }

    private static LoraModel Attach(nn.Module model, IReadOnlyList<LoraSite> sites, List<(string Name, PeftAdapter Adapter, Dictionary<string, PeftLayer> Layers)> opened, LoraLoadOptions options)
    {
        // A stacked weight has neither dropout nor magnitude.
        LoraSpec Spec(PeftAdapter adapter, Dictionary<string, PeftLayer> layers, LoraSite site) =>
            layers.TryGetValue(site.Path, out var layer) ? (site.Parameter is null ? layer.Spec : layer.Spec with { Dropout = 0 })
                : site.Module is Linear or Conv2d ? adapter.Config.Lora with { Magnitude = false } : adapter.Config.Lora with { Magnitude = false, Dropout = 0 };
        var chosen = sites.Where(s => opened.Any(o => o.Layers.ContainsKey(s.Path)))
            .Select(s => (s, (IReadOnlyList<KeyValuePair<string, LoraSpec>>)[.. opened.Select(o => new KeyValuePair<string, LoraSpec>(o.Name, Spec(o.Adapter, o.Layers, s)))])).ToArray();
        var lora = LoraModel.Attach(model, chosen, options.StackedLayout, null);
        foreach (var (site, _) in chosen)
        {
            var bank = lora.Layer(site.Path);
            foreach (var (name, adapter, layers) in opened)
            {
                if (!layers.TryGetValue(site.Path, out var layer))
                {
                    if (bank is EmbeddingLoraBank) continue;
                    using var guard = no_grad();
                    bank.B(name).fill_(0);
                    continue;
                }

                Fill(bank.A(name), adapter.ToSingles(layer.A));
                Fill(bank.B(name), adapter.ToSingles(layer.B));
                if (layer.Magnitude is { } magnitude) Fill(bank.Magnitude(name)!, adapter.ToSingles(magnitude));
            }
        }

        return lora;
    }

    // Several weights of one module lie within each other, the first innermost.
    private static string OnDisk(LoraSite site, IReadOnlyList<LoraSite> among)
    {
        if (site.Parameter is null) return site.Path;
        int behind = among.SkipWhile(s => s.Path != site.Path).Skip(1).Count(s => s.Parameter is not null && ReferenceEquals(s.Module, site.Module));
        return site.ModulePath + string.Concat(Enumerable.Repeat(".base_layer", behind));
    }

    private static Tensor Weight(LoraSite site) => site.Module switch
    {
        Linear linear => linear.weight,
        Embedding embedding => embedding.weight!,
        Conv2d convolution => convolution.weight,
        _ => site.Module.get_parameter(site.Parameter!)!,
    };

    private static string Hash(IEnumerable<(string Path, Tensor Weight)> weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (path, weight) in weights.OrderBy(static w => w.Path, StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{path} {weight.dtype} {Text(weight.shape)}\n"));
            hash.AppendData(weight.detach().cpu().contiguous().bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Exactly(string path) => System.Text.RegularExpressions.Regex.Escape(path);

    private static string Short(string hash) => hash.Length <= 12 ? hash : hash[..12];

    private static string Text(long[] shape) => $"[{string.Join(", ", shape)}]";
}
