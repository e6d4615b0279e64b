using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Customization;

/// <summary>A user's local expert and gate over a frozen global expert. Only what the last hidden layer says is read, so its features are computed once.</summary>
public sealed class PersonalModel : IDisposable
{
    private const int ExpertSteps = 150, GateSteps = 150;
    private const double ExpertRate = 1e-2, GateRate = 3e-2, Decay = 0.1;
    private readonly LocalExpert _expert;
    private readonly TopKGate _gate;

    /// <summary>Makes one.</summary>
    /// <param name="classes">C.</param>
    public PersonalModel(int classes)
    {
        _expert = new LocalExpert(new Budget(classes).Rank, classes);
        // Softmax over global and local expert: both share while the gate is trained, the better one answers in use.
        _gate = new TopKGate(RouterProfiles.Olmoe(experts: 2, k: 2), LeNet.Features, hasBias: true);
    }

    /// <summary>Parameters of local expert and gate.</summary>
    public long Parameters => _expert.parameters().Concat(_gate.parameters()).Sum(static p => p.numel());

    /// <summary>Trains the local expert on the user's characters, then the gate on them and on the generic ones that the device keeps. The global expert takes no part.</summary>
    /// <param name="user">The user's features, logits of the global expert, and labels.</param>
    /// <param name="kept">The same of the kept generic characters.</param>
    /// <param name="learnsExpert">False leaves the local expert without a correction.</param>
    public void Train(Read user, Read kept, bool learnsExpert = true)
    {
        if (learnsExpert)
        {
            using var optimizer = optim.AdamW(_expert.parameters(), ExpertRate, weight_decay: Decay);
            for (int step = 0; step < ExpertSteps; step++)
            {
                using var scope = NewDisposeScope();
                optimizer.zero_grad();
                nn.functional.cross_entropy(user.Logits + _expert.call(user.Features), user.Labels).backward();
                optimizer.step();
            }
        }

        using var both = NewDisposeScope();
        var features = cat([user.Features, kept.Features]);
        var labels = cat([user.Labels, kept.Labels]);
        var right = WithoutGradients(() =>
        {
            var logits = cat([user.Logits, kept.Logits]);
            // Log-probabilities of the true class under each expert, [images, 2].
            var each = new[] { logits, logits + _expert.call(features) }.Select(l => l.log_softmax(1).gather(1, labels.unsqueeze(1)));
            return cat([.. each], 1);
        });
        // The user counts as much as everybody else.
        var weights = cat([full(user.Labels.shape[0], 0.5 / user.Labels.shape[0]), full(kept.Labels.shape[0], 0.5 / kept.Labels.shape[0])]);
        _gate.top_k = 2;
        _gate.train();
        using (var optimizer = optim.AdamW(_gate.parameters(), GateRate, weight_decay: 0))
        {
            for (int step = 0; step < GateSteps; step++)
            {
                using var scope = NewDisposeScope();
                optimizer.zero_grad();
                var shares = _gate.forward(features, GateContext.Empty).ToDenseWeights();
                ((shares.clamp_min(1e-9).log() + right).logsumexp(1, false) * weights).sum().neg().backward();
                optimizer.step();
            }
        }

        _gate.eval();
        _gate.top_k = 1;
    }

    /// <summary>Which images the local expert answers, [images], by the gate.</summary>
    public bool[] Local(Tensor features)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return [.. _gate.forward(features, GateContext.Empty).ExpertIds.reshape(-1).eq(1).data<bool>()];
    }

    /// <summary>Which images the local expert would answer right.</summary>
    public bool[] LocalRight(Read of)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return [.. (of.Logits + _expert.call(of.Features)).argmax(1).eq(of.Labels).data<bool>()];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _expert.Dispose();
        _gate.Dispose();
    }

    private static T WithoutGradients<T>(Func<T> compute)
    {
        using var guard = no_grad();
        return compute();
    }

    /// <summary>Characters as the global expert reads them.</summary>
    /// <param name="Features">[images, 84].</param>
    /// <param name="Logits">[images, C].</param>
    /// <param name="Labels">[images].</param>
    public sealed record Read(Tensor Features, Tensor Logits, Tensor Labels)
    {
        /// <summary>Which images the global expert answers right.</summary>
        public bool[] Right()
        {
            using var scope = NewDisposeScope();
            return [.. Logits.argmax(1).eq(Labels).data<bool>()];
        }
    }
}
