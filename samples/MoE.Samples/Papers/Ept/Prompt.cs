using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Ept;

/// <summary>
/// A soft prompt, decomposed (DePT) and reparametrised (EPT): a short prompt P and a product A B; fusion <c>P_f = P + softmax(P W_q (A B W_k)^T / sqrt(a)) A B</c>; spaces <c>P_f + sum_i g_i relu(P_f D_i) U_i</c> with the gate
/// <c>g = softmax(W_g mean(P_f) + b)</c>, a dense mixture over projections. All of it is constant once trained: <see cref="fold"/>.
/// </summary>
public sealed class Prompt : nn.Module
{
    private readonly PromptForm _form;
    private readonly Parameter? tokens;
    private readonly Parameter? a;
    private readonly Parameter? b;
    private readonly Parameter? query;
    private readonly Parameter? key;
    private readonly Parameter? down;
    private readonly Parameter? up;
    private readonly Linear? gate;

    /// <summary>Makes one: P as embeddings of words, B and the ways out of the spaces zero, so that it begins as the plain prompt P.</summary>
    /// <param name="form">Its make.</param>
    /// <param name="words">[length, D]: what P begins with.</param>
    /// <param name="width">D.</param>
    public Prompt(PromptForm form, Tensor words, int width)
        : base(nameof(Prompt))
    {
        _form = form;
        static Parameter New(Tensor values) => new(values.DetachFromDisposeScope());
        if (form.Length > 0) tokens = New(words.detach().clone());
        if (form.Rank > 0)
        {
            a = New(empty(Sentences.Longest, form.Rank));
            nn.init.kaiming_uniform_(a, Math.Sqrt(5));
            b = New(zeros(form.Rank, width));
        }

        if (form.Attention > 0)
        {
            query = New(randn(width, form.Attention) / Math.Sqrt(width));
            key = New(randn(width, form.Attention) / Math.Sqrt(width));
        }

        if (form.Spaces > 0)
        {
            down = New(randn(form.Spaces, width, form.SpaceWidth) / Math.Sqrt(width));
            up = New(zeros(form.Spaces, form.SpaceWidth, width));
            if (form.Gated && form.Spaces > 1) gate = nn.Linear(width, form.Spaces);
        }

        RegisterComponents();
    }

    /// <summary>Number of parameters.</summary>
    public long Parameters => parameters().Sum(static p => p.numel());

    /// <summary>The short prompt P, [s, D]; null where there is none.</summary>
    public Parameter? Tokens => tokens;

    /// <summary>The short prompt and the spaces, which learn at one rate.</summary>
    public IEnumerable<Parameter> Short => parameters().Where(p => !ReferenceEquals(p, a) && !ReferenceEquals(p, b));

    /// <summary>A and B, which learn at another.</summary>
    public IEnumerable<Parameter> LowRank => a is null ? [] : [a, b!];

    /// <summary>What goes in front, [s, D], and what is added to the words, [m, D]; null for nothing. Constants once training is over.</summary>
    public (Tensor? Front, Tensor? Added) fold()
    {
        using var scope = NewDisposeScope();
        var product = a?.mm(b!);
        var added = product?.mul(PromptForm.Alpha / Math.Sqrt(_form.Rank)).MoveToOuterDisposeScope();
        if (tokens is null) return (null, added);
        var front = Fused(tokens, product);
        if (down is not null)
        {
            var spaces = nn.functional.relu(front.unsqueeze(0).matmul(down)).matmul(up!);
            front = front + (Weights(front).view(-1, 1, 1) * spaces).sum(0L);
        }

        return (front.MoveToOuterDisposeScope(), added);
    }

    /// <summary>The weights of the spaces, [N].</summary>
    public Tensor weights()
    {
        if (down is null) throw new InvalidOperationException("the prompt has no spaces");
        using var scope = NewDisposeScope();
        return Weights(Fused(tokens!, a?.mm(b!))).MoveToOuterDisposeScope();
    }

    private Tensor Fused(Tensor front, Tensor? product) =>
        query is null || product is null ? front.alias() : front + (front.mm(query).mm(product.mm(key!).t()) / Math.Sqrt(_form.Attention)).softmax(-1).mm(product);

    private Tensor Weights(Tensor fused) => gate is null ? full(_form.Spaces, 1.0 / _form.Spaces) : gate.call(fused.mean([0])).softmax(-1);

    /// <summary>Puts the parts of a prompt and sentences together.</summary>
    /// <param name="front">[s, D], or null.</param>
    /// <param name="added">[m, D], or null.</param>
    /// <param name="sentences">[B, m + 1, D].</param>
    public static Tensor Join(Tensor? front, Tensor? added, Tensor sentences)
    {
        using var scope = NewDisposeScope();
        var x = sentences;
        if (added is not null) x = cat([x.narrow(1, 0, added.shape[0]) + added, x.narrow(1, added.shape[0], x.shape[1] - added.shape[0])], 1);
        if (front is not null) x = cat([front.unsqueeze(0).expand(x.shape[0], front.shape[0], front.shape[1]), x], 1);
        return x.alias().MoveToOuterDisposeScope();
    }
}
