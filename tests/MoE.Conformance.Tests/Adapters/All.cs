using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>All adapters.</summary>
internal static class All
{
    public static IReadOnlyList<IAdapter> Adapters { get; } =
    [
        new Transformers(),
        new TransformersV5(),
        new MistralInference(),
        new DeepSeekReference(),
        new Torchtitan(),
        new Megatron(),
        new DeepSpeed(),
        new Tutel(),
        new FastMoE(),
        new Davidmrau(),
        new LlamaMoE(),
        new TransformersSwitch(),
        new Lucidrains(),
        new StMoE(),
        new Colt5(),
        new Torchscale(),
        new Flaxformer(),
        new VMoE(),
        new Depths(),
        new MegaBlocks(),
        new OlmoCore(),
        new FairseqBase(),
        new DynamicMoE(),
        new DynMoE(),
        new ReMoE(),
        new GumbelSoftmax(),
        new EvoMoE(),
        new DeepCtr(),
        new LibMtl(),
        new PeerPytorch(),
        new ScatterMoE(),
        new SoftMoEPytorch(),
        new PlusPlus(),
        new SparseMixers(),
        new TransformersMore(),
        new Peft(),
        new OriginalXLora(),
        new MixLora(),
    ];
}
