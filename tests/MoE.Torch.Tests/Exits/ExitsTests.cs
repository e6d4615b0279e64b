using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Exits;

using Exits = MoE.Torch.Exits;

public sealed class ExitsTests
{
    [Fact]
    public void Statistics_are_those_of_the_probabilities_and_teach_the_classifier_nothing()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 0f, 0f, 0f, 0f, MathF.Log(3), 0f, -100f, -100f }, 2, 4).requires_grad_();
        float[] s = HostReads.Single(Exits.statistics(logits));
        Assert.Equal([0.25f, MathF.Log(4), 0, MathF.Log(4)], s[..4], static (a, b) => Math.Abs(a - b) < 1e-6);
        double sharp = -(0.9 * Math.Log(0.9) + 0.1 * Math.Log(0.1));
        Assert.Equal([0.75f, (float)(-(0.75 * Math.Log(0.75) + 0.25 * Math.Log(0.25))), 0.5f, (float)sharp], s[4..], static (a, b) => Math.Abs(a - b) < 1e-5);
        new SequentialExitGate().call(logits).sum().backward();
        Assert.Null(logits.grad);
    }

    [Fact]
    public void The_batched_distribution_is_the_hosts()
    {
        using var scope = NewDisposeScope();
        var gates = tensor(Specs.Random(30, 1), 10, 3).sigmoid();
        float[] g = HostReads.Single(gates), shares = HostReads.Single(Exits.distribution(gates)), row = new float[4];
        for (int b = 0; b < 10; b++)
        {
            ExitRules.Distribution(g.AsSpan(b * 3, 3), row);
            for (int l = 0; l < 4; l++) Assert.Equal(row[l], shares[b * 4 + l], 1e-6);
        }
    }

    [Fact]
    public void Gradients_of_the_expected_loss_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var losses = tensor(Specs.Random(12, 2), 3, 4).to(ScalarType.Float64).abs();
        var cost = tensor(new[] { 0.1, 0.4, 0.7, 1.0 });
        // Gates whose sum stays below one: at a kink finite differences say nothing.
        Gradients.Check(l => Exits.expected_loss(Exits.distribution(l.sigmoid().mul(0.3)), losses, cost, 0.5), tensor(Specs.Random(9, 3), 3, 3).to(ScalarType.Float64));
    }

    [Fact]
    public void Every_sample_gets_the_answer_of_the_exit_it_takes_and_costs_no_more()
    {
        using var scope = NewDisposeScope();
        var seen = new List<long>();
        nn.Module<Tensor, Tensor> Counted(nn.Module<Tensor, Tensor> block) => new Counting(block, seen);
        var chain = new EarlyExitChain([Counted(nn.Linear(4, 4)), Counted(nn.Linear(4, 4)), Counted(nn.Linear(4, 4))], [nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)], EarlyExitChain.AtConfidence(0.45));
        // The same weights in every run: with others all samples may leave at one exit.
        ulong seed = 40;
        using (no_grad())
        {
            foreach (var parameter in chain.parameters()) parameter.copy_(tensor(Specs.Random((int)parameter.numel(), seed++, 0.6f), parameter.shape));
        }

        var x = tensor(Specs.Random(256, 39, 2), 64, 4);
        var all = chain.all(x);
        seen.Clear();
        var (answer, exit) = chain.run(x);
        long[] exits = HostReads.Int64(exit);
        Assert.True(exits.Distinct().Count() > 1, "all samples left at one exit: nothing is tested");
        for (int b = 0; b < 64; b++) Assert.True(allclose(all[(int)exits[b]][b], answer[b], 1e-5, 1e-6));
        float[][] confidence = [.. all.Select(static a => HostReads.Single(a.softmax(-1).amax([-1L])))];
        for (int b = 0; b < 64; b++) Assert.Equal(exits[b], ExitRules.Threshold([confidence[0][b], confidence[1][b], confidence[2][b]], 0.45));
        // A block that nobody reaches does not run.
        Assert.Equal(new long[] { 64, exits.Count(static e => e > 0), exits.Count(static e => e > 1) }.Where(static n => n > 0), seen);
    }

    [Fact]
    public void A_depth_predictor_takes_the_most_likely_depth()
    {
        using var scope = NewDisposeScope();
        var gate = new DepthPredictorGate(nn.Identity());
        Assert.Equal([2, 0], HostReads.Int64(gate.depth(tensor(new float[] { 1, 2, 3, 5, 1, 1 }, 2, 3))));
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>("logits", () => Exits.statistics(zeros(2, 1)));
        Assert.Throws<ArgumentException>("losses", () => Exits.expected_loss(zeros(2, 3), zeros(2, 2)));
        Assert.Throws<ArgumentException>("heads", () => new EarlyExitChain([nn.Identity()], [], static (_, a) => a));
        var wrong = new EarlyExitChain([nn.Identity(), nn.Identity()], [nn.Identity(), nn.Identity()], static (_, a) => a);
        Assert.Throws<InvalidOperationException>(() => wrong.run(zeros(2, 2)));
    }

    private sealed class Counting : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> inner;
        private readonly List<long> _seen;

        public Counting(nn.Module<Tensor, Tensor> inner, List<long> seen)
            : base(nameof(Counting))
        {
            this.inner = inner;
            _seen = seen;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            _seen.Add(input.shape[0]);
            return inner.call(input);
        }
    }
}
