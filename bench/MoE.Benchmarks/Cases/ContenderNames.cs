namespace MoE.Benchmarks;

/// <summary>Names of contenders in reports.</summary>
public static class ContenderNames
{
    /// <summary>This library's fastest engine for the mode and type.</summary>
    public const string Ours = "moe";

    /// <summary>This library's scalar reference layer.</summary>
    public const string OurReference = "moe-reference";

    /// <summary>A loop over experts in TorchSharp, as Hugging Face transformers has it.</summary>
    public const string TorchLoop = "torch-loop";

    /// <summary>Sort by expert, one fused gate-and-up product per expert, in TorchSharp.</summary>
    public const string TorchSort = "torch-sort";

    /// <summary>Softmax, top-k, normalise, stable sort and counts in TorchSharp.</summary>
    public const string TorchRouter = "torch-router";

    /// <summary>The base product, then a loop over the adapters that have rows, as PEFT's mixed batches have it, in TorchSharp.</summary>
    public const string TorchLoraLoop = "torch-lora-loop";

    /// <summary>A merged weight for every adapter, made beforehand: a loop of full products, in TorchSharp.</summary>
    public const string TorchLoraMerged = "torch-lora-merged";

    /// <summary>ONNX Runtime's com.microsoft::MoE.</summary>
    public const string OrtMoE = "ort-moe";

    /// <summary>The standard operator set, one <c>If</c> per expert, in ONNX Runtime.</summary>
    public const string OrtUnrolled = "ort-unrolled";

    /// <summary>ONNX Runtime's com.microsoft::QMoE.</summary>
    public const string OrtQMoE = "ort-qmoe";
}
