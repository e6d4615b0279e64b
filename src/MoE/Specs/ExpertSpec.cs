using System.Text.Json.Serialization;

namespace MoE;

/// <summary>The shape of one expert's network.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ExpertForm>))]
public enum ExpertForm
{
    /// <summary>down(act(up x)).</summary>
    FeedForward,

    /// <summary>down(act(gate x) * up x): SwiGLU with SiLU, GEGLU with GELU, ReGLU with ReLU.</summary>
    Glu,
}

/// <summary>An activation, element by element.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<Activation>))]
public enum Activation
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x * Phi(x), with the exact error function.</summary>
    Gelu,

    /// <summary>The tanh approximation of GELU.</summary>
    GeluTanh,

    /// <summary>x * sigmoid(alpha x); alpha is <see cref="ExpertSpec.Alpha"/>, 1 by default.</summary>
    Silu,

    /// <summary>x.</summary>
    Identity,
}

/// <summary>How the gate and up projections of a GLU lie in a fused weight. The neutral weight names are always separate; this says what a checkpoint or an export holds.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<GluLayout>))]
public enum GluLayout
{
    /// <summary>All gate rows, then all up rows (transformers v5 <c>gate_up_proj</c>).</summary>
    Concatenated,

    /// <summary>gate, up, gate, up, ... (gpt-oss, ONNX Runtime).</summary>
    Interleaved,
}

/// <summary>One expert, as data.</summary>
public sealed record ExpertSpec
{
    /// <summary>The form.</summary>
    public ExpertForm Form { get; init; } = ExpertForm.Glu;

    /// <summary>The activation.</summary>
    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>Inner width F, positive.</summary>
    public required int Width { get; init; }

    /// <summary>Biases on all projections (gpt-oss).</summary>
    public bool Biases { get; init; }

    /// <summary>Layout of a fused gate-and-up weight.</summary>
    public GluLayout Layout { get; init; } = GluLayout.Concatenated;

    /// <summary>Slope inside SiLU: x * sigmoid(alpha x) (gpt-oss 1.702).</summary>
    public double Alpha { get; init; } = 1.0;

    /// <summary>GLU clamp: the gate is at most this, up is within plus or minus this (gpt-oss 7); null: none.</summary>
    public double? Limit { get; init; }

    /// <summary>Added to up before the product (gpt-oss 1).</summary>
    public double UpOffset { get; init; }

    internal void Check(SpecProblems problems, string path)
    {
        problems.RequireDefined(Form, $"{path}.form");
        problems.RequireDefined(Activation, $"{path}.activation");
        problems.RequireDefined(Layout, $"{path}.layout");
        problems.RequirePositive(Width, $"{path}.width");
        problems.Require(double.IsFinite(Alpha), $"{path}.alpha", Alpha, "must be finite");
        problems.Require(double.IsFinite(UpOffset), $"{path}.up_offset", UpOffset, "must be finite");
        problems.Require(Alpha == 1.0 || Activation == Activation.Silu, $"{path}.alpha", Alpha, $"needs activation {nameof(Activation.Silu)}");
        if (Limit is { } limit) problems.Require(double.IsFinite(limit) && limit > 0, $"{path}.limit", limit, "must be positive and finite");
        if (Form == ExpertForm.FeedForward)
        {
            problems.Require(Limit is null, $"{path}.limit", Limit, $"needs form {nameof(ExpertForm.Glu)}");
            problems.Require(UpOffset == 0, $"{path}.up_offset", UpOffset, $"needs form {nameof(ExpertForm.Glu)}");
        }
    }
}
