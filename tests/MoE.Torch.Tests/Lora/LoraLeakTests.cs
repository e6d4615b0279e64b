using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

/// <summary>A pass through adapters leaves the number of live tensors where it was, whatever mixes them.</summary>
[Collection("tensor counts")]
public sealed class LoraLeakTests
{
    [Fact]
    public void Passes_leave_no_tensors_behind()
    {
        using var model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "[01]", [new("a", new LoraSpec { Rank = 2 }), new("b", new LoraSpec { Rank = 2 })]);
        using var mixer = new XLoraMixer(lora, new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 2, LayerWise = true, TopK = 1, SoftmaxKept = true });
        using var gated = new GatedLora(lora, static width => new DenseToSparseGate(2, width));
        using var sequence = new SequenceLora(lora, new SequenceMaxGate(4, 2));
        using var x = randn(3, 5, 4);
        using var rows = tensor(new long[] { 0, 1, -1 });
        using var weights = rand(3, 2);
        lora.train();
        gated.eval();
        void Pass()
        {
            lora.Mix = LoraMix.Of("a");
            Call();
            lora.Mix = new RowLoraMix(rows);
            Call();
            lora.Mix = new ScaledLoraMix(weights);
            Call();
            lora.Mix = new CombinedLoraMix(weights);
            Call();
            gated.Act(keep: true);
            Call();
            using (new Pair(mixer.run(() => model.call(x), () => model.call(x))))
            {
                // Both results are the caller's.
            }

            sequence.Decide(x);
            Call();
            sequence.Reset();
            lora.Serve();
            using (no_grad())
            {
                lora.Mix = new RowLoraMix(rows);
                Call();
            }

            lora.EndServing();
            lora.Mix = LoraMix.None;
        }

        void Call()
        {
            using var y = model.call(x);
        }

        Pass();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Pass();
        Assert.Equal(before, LiveTensors.Count());
    }

    private sealed class Pair((Tensor Output, Tensor Scalings) tensors) : IDisposable
    {
        public void Dispose()
        {
            tensors.Output.Dispose();
            tensors.Scalings.Dispose();
        }
    }
}
