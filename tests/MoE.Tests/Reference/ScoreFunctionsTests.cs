namespace MoE.Tests.Reference;

/// <summary>The score functions in closed form, and where a careless formula would overflow.</summary>
public sealed class ScoreFunctionsTests
{
    private static readonly float[] s_logits = [-3, -0.5f, 0, 0.25f, 2, 7];

    [Fact]
    public void Sigmoid_is_stable_at_both_ends()
    {
        Close(ScoreFunction.Sigmoid, static l => 1 / (1 + Math.Exp(-l)));
        Assert.Equal([0, 0.5f, 1, 0], Apply(ScoreFunction.Sigmoid, [-1000, 0, 1000, float.NegativeInfinity]));
        // Not 1 - sigmoid(20), which is 0 in single precision.
        Assert.Equal(2.0611536e-9f, Apply(ScoreFunction.Sigmoid, [-20])[0]);
    }

    [Fact]
    public void SqrtSoftplus_is_stable_at_both_ends()
    {
        Close(ScoreFunction.SqrtSoftplus, static l => Math.Sqrt(Math.Log(1 + Math.Exp(l))));
        Assert.Equal([MathF.Sqrt(1000), 0], Apply(ScoreFunction.SqrtSoftplus, [1000, float.NegativeInfinity]));
        // sqrt(ln(1 + e^-60)) = e^-30, which ln(1 + x) computed as it stands would make 0.
        Assert.Equal((float)Math.Exp(-30), Apply(ScoreFunction.SqrtSoftplus, [-60])[0]);
    }

    [Fact]
    public void Identity_is_the_logit() => Assert.Equal(s_logits, Apply(ScoreFunction.Identity, s_logits));

    [Fact]
    public void Softmax_sums_to_one_and_shifts_freely()
    {
        double z = s_logits.Sum(static l => Math.Exp(l));
        Close(ScoreFunction.Softmax, l => Math.Exp(l) / z);
        Assert.Equal(Apply(ScoreFunction.Softmax, [1, 2, 3]), Apply(ScoreFunction.Softmax, [1001, 1002, 1003]));
        Assert.Equal([0, 1, 0], Apply(ScoreFunction.Softmax, [float.NegativeInfinity, 5, float.NegativeInfinity]));
        Assert.Equal([0, 0], Apply(ScoreFunction.Softmax, [float.NegativeInfinity, float.NegativeInfinity]));
        Assert.Equal([0.25f, 0.25f, 0.25f, 0.25f], Apply(ScoreFunction.Softmax, new float[4]));
        Assert.Empty(Apply(ScoreFunction.Softmax, []));
    }

    [Fact]
    public void Scores_may_overwrite_the_logits()
    {
        foreach (var function in Enum.GetValues<ScoreFunction>())
        {
            float[] memory = [.. s_logits];
            ScoreFunctions.Apply(function, memory, memory);
            Assert.Equal(Apply(function, s_logits), memory);
        }
    }

    [Fact]
    public void LogSumExp_takes_the_maximum_out()
    {
        Assert.Equal(Math.Log(s_logits.Sum(static l => Math.Exp(l))), ScoreFunctions.LogSumExp(s_logits), 1e-12);
        Assert.Equal(1000 + Math.Log(2), ScoreFunctions.LogSumExp([1000, 1000]), 1e-12);
        Assert.Equal(Math.Log(8), ScoreFunctions.LogSumExp(new float[8]), 1e-12);
        Assert.Equal(5, ScoreFunctions.LogSumExp([5, float.NegativeInfinity]));
    }

    [Fact]
    public void Lengths_and_functions_are_checked()
    {
        Assert.Equal("scores", Assert.Throws<ArgumentException>(static () => ScoreFunctions.Apply(ScoreFunction.Sigmoid, new float[3], new float[2])).ParamName);
        Assert.Equal("function", Assert.Throws<ArgumentOutOfRangeException>(static () => ScoreFunctions.Apply((ScoreFunction)9, new float[1], new float[1])).ParamName);
    }

    private static float[] Apply(ScoreFunction function, float[] logits)
    {
        var scores = new float[logits.Length];
        ScoreFunctions.Apply(function, logits, scores);
        return scores;
    }

    private static void Close(ScoreFunction function, Func<double, double> formula)
    {
        float[] scores = Apply(function, s_logits);
        for (int i = 0; i < scores.Length; i++) Assert.Equal(formula(s_logits[i]), scores[i], 1e-7 * Math.Max(1, scores[i]));
    }
}
