namespace MoE;

/// <summary>The gate of X-LoRA as data: the classifier, and how its scalings are thinned out (PEFT <c>XLoraConfig</c>).</summary>
public sealed record XLoraSpec
{
    /// <summary>Width D of the hidden state, positive.</summary>
    public required int Hidden { get; init; }

    /// <summary>Number of adapters n, positive.</summary>
    public required int Adapters { get; init; }

    /// <summary>Number of adapted layers L, positive.</summary>
    public required int Layers { get; init; }

    /// <summary>Linear layers of the classifier, positive (<c>xlora_depth</c>).</summary>
    public int Depth { get; init; } = 1;

    /// <summary>Width between them, positive (<c>xlora_size</c>).</summary>
    public int Width { get; init; } = 2048;

    /// <summary>Each adapted layer has scalings of its own; otherwise all share one set (<c>layerwise_scalings</c>).</summary>
    public bool LayerWise { get; init; }

    /// <summary>The linear layers have biases (<c>use_bias</c>).</summary>
    public bool Bias { get; init; } = true;

    /// <summary>ReLU and dropout between the linear layers (<c>enable_relu_and_dropout</c> of the original code).</summary>
    public bool ReluAndDropout { get; init; } = true;

    /// <summary>Probability of dropping a value between the linear layers in training (<c>xlora_dropout_p</c>).</summary>
    public double Dropout { get; init; } = 0.2;

    /// <summary>Scalings are a softmax over the adapters (<c>enable_softmax</c>); otherwise the logits.</summary>
    public bool Softmax { get; init; } = true;

    /// <summary>Logits are divided by it before the softmax; positive and finite.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Weight of every adapter in the pass that gives the hidden state; 0 is the base model alone (<c>scaling_pass_value</c>). Null: 1 / n each.</summary>
    public double? ScalingPassValue { get; init; } = 0;

    /// <summary>Adapters kept per token, 1..n; null: all (<c>top_k_lora</c>).</summary>
    public int? TopK { get; init; }

    /// <summary>A softmax over the kept ones (<c>enable_softmax_topk</c>).</summary>
    public bool SoftmaxKept { get; init; }

    /// <summary>That softmax runs over the whole batch at once: the defect of the original code, for parity only.</summary>
    public bool SoftmaxAcrossTokens { get; init; }

    /// <summary>Multiplies all adapters (<c>global_scaling_weight</c>).</summary>
    public double GlobalWeight { get; init; } = 1;

    /// <summary>Parameters of the classifier.</summary>
    public long ParameterCount()
    {
        long outputs = checked((long)Adapters * (LayerWise ? Layers : 1)), count = 0;
        for (int d = 0; d < Depth; d++)
        {
            long inputs = d == 0 ? Hidden : Width, outs = d == Depth - 1 ? outputs : Width;
            count = checked(count + inputs * outs + (Bias ? outs : 0));
        }

        return count;
    }

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        problems.RequirePositive(Hidden, "hidden");
        problems.RequirePositive(Adapters, "adapters");
        problems.RequirePositive(Layers, "layers");
        problems.RequirePositive(Depth, "depth");
        problems.Require(Depth == 1 || Width > 0, "width", Width, "must be positive where depth is above 1");
        problems.Require(Dropout >= 0 && Dropout < 1, "dropout", Dropout, "must be 0 or more and below 1");
        problems.Require(double.IsFinite(Temperature) && Temperature > 0, "temperature", Temperature, "must be positive and finite");
        if (ScalingPassValue is { } pass) problems.Require(double.IsFinite(pass), "scaling_pass_value", pass, "must be finite");
        if (TopK is { } k) problems.Require(k >= 1 && k <= Adapters, "top_k", k, $"must be in 1..adapters ({Adapters})");
        problems.Require(!SoftmaxAcrossTokens || SoftmaxKept, "softmax_across_tokens", SoftmaxAcrossTokens, "needs softmax_kept");
        problems.Require(double.IsFinite(GlobalWeight), "global_weight", GlobalWeight, "must be finite");
        return problems.Found;
    }

    /// <summary>This spec, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public XLoraSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }
}
