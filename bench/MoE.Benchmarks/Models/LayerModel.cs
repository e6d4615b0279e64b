using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>One layer's weights and inputs, shared by all contenders. The library's torch layer owns the weights; the others see the same memory or make their own form of it.</summary>
internal sealed class LayerModel : IBenchModel
{
    private const int Seed = 20260101;

    private readonly Dictionary<string, Tensor> _parameters;
    private readonly Generator _generator;
    private Tensor? _gateUp;
    private Tensor? _cotangent;
    private LayerReference? _reference;

    /// <summary>Draws weights and inputs.</summary>
    /// <param name="config">The sizes.</param>
    /// <param name="maxTokens">The largest T that will be asked for.</param>
    public LayerModel(BenchConfig config, int maxTokens)
    {
        Config = config;
        _generator = new Generator((ulong)Seed);
        Layer = new MoELayer(config.ToLayerSpec(), generator: _generator);
        _parameters = Layer.named_parameters().ToDictionary(static p => p.name, static p => (Tensor)p.parameter);
        using var scope = NewDisposeScope();
        var router = Router.detach().to(ScalarType.Float64).t();
        Tokens = new TokenPool(count => randn(count, config.Width, generator: _generator), rows => rows.to(ScalarType.Float64).mm(router), config.Choices, maxTokens);
    }

    /// <summary>The sizes.</summary>
    public BenchConfig Config { get; }

    /// <summary>The library's layer.</summary>
    public MoELayer Layer { get; }

    /// <summary>The inputs.</summary>
    public TokenPool Tokens { get; }

    /// <summary>The weights by neutral name, in place.</summary>
    public IWeightSource Weights => new TensorWeights(_parameters);

    /// <summary>[E, D].</summary>
    public Tensor Router => _parameters[WeightNames.Router];

    /// <summary>[E, F, D].</summary>
    public Tensor Gate => _parameters[WeightNames.ExpertGate];

    /// <summary>[E, F, D].</summary>
    public Tensor Up => _parameters[WeightNames.ExpertUp];

    /// <summary>[E, D, F].</summary>
    public Tensor Down => _parameters[WeightNames.ExpertDown];

    /// <summary>[E, 2 F, D]: gate above up; made when first asked for.</summary>
    public Tensor GateUp
    {
        get
        {
            using var guard = no_grad();
            return _gateUp ??= cat([Gate, Up], 1).DetachFromDisposeScope();
        }
    }

    /// <summary>The gradient that arrives from above in training, [T, D].</summary>
    public Tensor Cotangent(int tokens)
    {
        if (_cotangent is not null && _cotangent.shape[0] == tokens) return _cotangent;
        _cotangent?.Dispose();
        return _cotangent = randn(tokens, Config.Width, generator: _generator).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public IContender Contender(string name, BenchCase @case) => ContenderRegistry.Layer(name, @case, this);

    /// <inheritdoc/>
    public IEnumerable<(int Input, Answer Answer)> References(BenchCase @case)
    {
        _reference ??= new LayerReference(this);
        return @case.Mode == BenchMode.Train ? [(0, _reference.Train(@case.Tokens))] : _reference.Infer(@case.Tokens);
    }

    /// <inheritdoc/>
    public double WeightBytes(BenchCase @case) => Tokens.MeanExperts(@case.Tokens) * Config.ExpertBytes / sizeof(float) * BytesOf(@case.DType);

    // Scales of blocks included: two bytes for 32 weights.
    private static double BytesOf(string type) => type switch { "bf16" => 2, "int8" => 1.0625, "int4" => 0.5625, "int4-zero" => 0.578125, _ => 4 };

    /// <inheritdoc/>
    public void Dispose()
    {
        Tokens.Dispose();
        _gateUp?.Dispose();
        _cotangent?.Dispose();
        Layer.Dispose();
        _generator.Dispose();
    }
}
