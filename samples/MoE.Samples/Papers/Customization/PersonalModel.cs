using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Customization;

/// <summary>A user's local expert and gate over a frozen global expert. Only what the last hidden layer says is read, so its features are computed once.</summary>
public sealed class PersonalModel : IDisposable
{
    private const int ExpertSteps = 100, GateSteps = 200;
    private const double ExpertRate = 1e-2, GateRate = 1e-2, ExpertDecay = 0.3, GateDecay = 0.01, UserShare = 0.6;
    private readonly int _classes;
    private readonly TopKGate _gate;
    private LocalExpert _expert;

    /// <summary>Makes one.</summary>
    /// <param name="classes">C.</param>
    public PersonalModel(int classes)
    {
        _classes = classes;
        _expert = new LocalExpert(new Budget(classes).Rank, classes);
        // Softmax over global and local expert: both share while the gate is trained, the better one answers in use.
        _gate = new TopKGate(RouterProfiles.Olmoe(experts: 2, k: 2), Budget.GateWidth, hasBias: true);
    }

    /// <summary>Parameters of local expert and gate.</summary>
    public long Parameters => _expert.parameters().Concat(_gate.parameters()).Sum(static p => p.numel());

    /// <summary>
    /// Trains the local expert on the user's characters, then the gate on them and on the generic ones that the device keeps; the global expert takes no part. What the gate learns of the user's characters comes from local
    /// experts that were trained on the other half of them: an expert is always sure of what it was trained on.
    /// </summary>
    /// <param name="user">The user's features, logits of the global expert, and labels.</param>
    /// <param name="kept">The same of the kept generic characters.</param>
    /// <param name="learnsExpert">False leaves the local expert without a correction.</param>
    public void Train(Read user, Read kept, bool learnsExpert = true)
    {
        using var scope = NewDisposeScope();
        using LocalExpert first = Expert(user.Half(0), learnsExpert), second = Expert(user.Half(1), learnsExpert);
        (Read Of, LocalExpert By)[] seen = [(user.Half(1), first), (user.Half(0), second), (kept, first), (kept, second)];
        var inputs = cat([.. seen.Select(s => Inputs(s.Of, s.By))]);
        var right = cat([.. seen.Select(static s => TrueClass(s.Of, s.By))]);
        // The user counts more than everybody else: a device is mostly in one hand.
        var weights = cat([.. seen.Select(s => full(s.Of.Labels.shape[0], ReferenceEquals(s.Of, kept) ? (1 - UserShare) / (2 * kept.Labels.shape[0]) : UserShare / user.Labels.shape[0]))]);
        _expert.Dispose();
        _expert = Expert(user, learnsExpert);

        _gate.top_k = 2;
        _gate.train();
        using var optimizer = optim.AdamW(_gate.parameters(), GateRate, weight_decay: GateDecay);
        for (int step = 0; step < GateSteps; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.zero_grad();
            var shares = _gate.forward(inputs, GateContext.Empty).ToDenseWeights();
            ((shares.clamp_min(1e-9).log() + right).logsumexp(1, false) * weights).sum().neg().backward();
            optimizer.step();
        }

        _gate.eval();
        _gate.top_k = 1;
    }

    // A local expert trained on some characters.
    private LocalExpert Expert(Read of, bool learns)
    {
        var expert = new LocalExpert(new Budget(_classes).Rank, _classes);
        if (!learns) return expert;
        using var optimizer = optim.AdamW(expert.parameters(), ExpertRate, weight_decay: ExpertDecay);
        for (int step = 0; step < ExpertSteps; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            nn.functional.cross_entropy(of.Logits + expert.call(of.Features), of.Labels).backward();
            optimizer.step();
        }

        return expert;
    }

    // What the gate reads: the features, and how sure each expert is.
    private static Tensor Inputs(Read of, LocalExpert expert)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Tensor Sure(Tensor logits) => logits.log_softmax(1).amax([1L], keepdim: true);
        return cat([of.Features, Sure(of.Logits), Sure(of.Logits + expert.call(of.Features))], 1).MoveToOuterDisposeScope();
    }

    // Log-probabilities of the true class under the global and the local expert, [images, 2].
    private static Tensor TrueClass(Read of, LocalExpert expert)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Tensor Of(Tensor logits) => logits.log_softmax(1).gather(1, of.Labels.unsqueeze(1));
        return cat([Of(of.Logits), Of(of.Logits + expert.call(of.Features))], 1).MoveToOuterDisposeScope();
    }

    /// <summary>Which images the local expert answers, [images], by the gate.</summary>
    public bool[] Local(Read of)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return [.. _gate.forward(Inputs(of, _expert), GateContext.Empty).ExpertIds.reshape(-1).eq(1).data<bool>()];
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

    /// <summary>Characters as the global expert reads them.</summary>
    /// <param name="Features">[images, 84].</param>
    /// <param name="Logits">[images, C].</param>
    /// <param name="Labels">[images].</param>
    public sealed record Read(Tensor Features, Tensor Logits, Tensor Labels)
    {
        /// <summary>Every second image; within a class the halves differ by one at most where images are grouped by class.</summary>
        /// <param name="which">0 or 1.</param>
        public Read Half(int which)
        {
            var rows = arange(which, Labels.shape[0], 2);
            return new(Features.index_select(0, rows), Logits.index_select(0, rows), Labels.index_select(0, rows));
        }

        /// <summary>Which images the global expert answers right.</summary>
        public bool[] Right()
        {
            using var scope = NewDisposeScope();
            return [.. Logits.argmax(1).eq(Labels).data<bool>()];
        }
    }
}
