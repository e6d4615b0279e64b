namespace MoE;

/// <summary>
/// BASE layers' balanced assignment (Lewis et al. 2021): every expert gets T / E tokens, by an auction in which experts bid for tokens. Nearly optimal: the sum of the scores can be below the best possible by a little.
/// </summary>
public sealed class BalancedAssignment
{
    private readonly int[] _tokens;

    private BalancedAssignment(int[] tokens, int experts)
    {
        _tokens = tokens;
        Experts = experts;
    }

    /// <summary>E.</summary>
    public int Experts { get; }

    /// <summary>[T]: the tokens of expert 0, then those of expert 1, ...; T / E each, in the order of the last round's values, equal values by the lower token.</summary>
    public ReadOnlySpan<int> TokensByExpert => _tokens;

    /// <summary>Assigns tokens.</summary>
    /// <param name="scores">[T, E], finite.</param>
    /// <param name="experts">E, positive; divides T.</param>
    /// <param name="rounds">Exact rounds before the quick, less exact end; positive. The peer: 100.</param>
    /// <exception cref="ArgumentException">T is not a multiple of E, or a score is not finite.</exception>
    /// <remarks>fairseq <c>fairseq/clib/libbase/balanced_assignment.cpp</c>: bids exceed the next best value by epsilon = max((largest - smallest score) / 50, 1e-4).</remarks>
    public static BalancedAssignment Assign(ReadOnlySpan<float> scores, int experts, int rounds = 100)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rounds);
        int tokens = Check(scores, experts);
        if (experts == 1 || tokens == 0) return new BalancedAssignment([.. Enumerable.Range(0, tokens)], experts);
        return new BalancedAssignment(new Auction(scores, tokens, experts, rounds).Run(), experts);
    }

    /// <summary>The best balanced assignment, exactly, by shortest augmenting paths; T^3 in time, so for judging the auction rather than for routing.</summary>
    /// <param name="scores">[T, E], finite.</param>
    /// <param name="experts">E, positive; divides T.</param>
    /// <exception cref="ArgumentException">T is not a multiple of E, or a score is not finite.</exception>
    public static BalancedAssignment Best(ReadOnlySpan<float> scores, int experts)
    {
        int tokens = Check(scores, experts);
        if (tokens == 0) return new BalancedAssignment([], experts);
        int each = tokens / experts;
        // Place p belongs to expert p / each; one row and one column are added in front.
        var (rowCost, columnCost, rowOf, way) = (new double[tokens + 1], new double[tokens + 1], new int[tokens + 1], new int[tokens + 1]);
        for (int t = 1; t <= tokens; t++)
        {
            rowOf[0] = t;
            var least = new double[tokens + 1];
            Array.Fill(least, double.PositiveInfinity);
            var used = new bool[tokens + 1];
            int column = 0;
            do
            {
                used[column] = true;
                int row = rowOf[column], next = 0;
                double step = double.PositiveInfinity;
                for (int p = 1; p <= tokens; p++)
                {
                    if (used[p]) continue;
                    double cost = -(double)scores[(row - 1) * experts + (p - 1) / each] - rowCost[row] - columnCost[p];
                    if (cost < least[p]) (least[p], way[p]) = (cost, column);
                    if (least[p] < step) (step, next) = (least[p], p);
                }

                for (int p = 0; p <= tokens; p++)
                {
                    if (used[p])
                    {
                        rowCost[rowOf[p]] += step;
                        columnCost[p] -= step;
                    }
                    else
                    {
                        least[p] -= step;
                    }
                }

                column = next;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = way[column]) rowOf[column] = rowOf[way[column]];
        }

        return new BalancedAssignment([.. rowOf.Skip(1).Select(static t => t - 1)], experts);
    }

    /// <summary>The sum of the assigned scores.</summary>
    /// <param name="scores">[T, E].</param>
    /// <exception cref="ArgumentException">The length is wrong.</exception>
    public double Score(ReadOnlySpan<float> scores)
    {
        if (scores.Length != _tokens.Length * Experts) throw new ArgumentException($"scores has {scores.Length} values; must have {_tokens.Length} x {Experts}", nameof(scores));
        double sum = 0;
        for (int i = 0; i < _tokens.Length; i++) sum += scores[_tokens[i] * Experts + i / (_tokens.Length / Experts)];
        return sum;
    }

    /// <summary>The assignment as a matrix.</summary>
    /// <returns>[T, E]: 1 where the token is the expert's, otherwise 0.</returns>
    public float[] ToMap()
    {
        var map = new float[_tokens.Length * Experts];
        int each = _tokens.Length / Experts;
        for (int i = 0; i < _tokens.Length; i++) map[_tokens[i] * Experts + i / each] = 1;
        return map;
    }

    private static int Check(ReadOnlySpan<float> scores, int experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (scores.Length % experts != 0) throw new ArgumentException($"scores has {scores.Length} values; must be a multiple of experts ({experts})", nameof(scores));
        int tokens = scores.Length / experts;
        if (tokens % experts != 0) throw new ArgumentException($"scores has {tokens} tokens; a balanced assignment needs a multiple of experts ({experts})", nameof(scores));
        for (int i = 0; i < scores.Length; i++)
        {
            if (!float.IsFinite(scores[i])) throw new ArgumentException($"scores[{i / experts}, {i % experts}] = {scores[i]}: must be finite", nameof(scores));
        }

        return tokens;
    }

    // Single precision throughout: the rounds depend on it.
    private sealed class Auction
    {
        private readonly float[] _score;
        private readonly float[] _value;
        private readonly float[] _cost;
        private readonly int _tokens;
        private readonly int _experts;
        private readonly int _each;
        private readonly int _rounds;
        private readonly float _epsilon;
        private readonly float _largest;

        public Auction(ReadOnlySpan<float> scores, int tokens, int experts, int rounds)
        {
            (_tokens, _experts, _each, _rounds) = (tokens, experts, tokens / experts, rounds);
            _score = new float[scores.Length];
            for (int t = 0; t < tokens; t++)
            {
                for (int e = 0; e < experts; e++) _score[e * tokens + t] = scores[t * experts + e];
            }

            _value = [.. _score];
            _cost = new float[tokens];
            _largest = _score.Max();
            float least = _score.Min();
            _epsilon = MathF.Max((_largest - least) / 50, 1e-4f);
            // Never below the rounding of the scores: costs must grow, or the auction would not end.
            float size = MathF.Max(MathF.Abs(_largest), MathF.Abs(least));
            _epsilon = MathF.Max(_epsilon, 64 * (MathF.BitIncrement(size) - size));
        }

        public int[] Run()
        {
            var bids = new float[_score.Length];
            var top = new int[_experts][];
            var held = new int[_tokens];
            Array.Fill(held, -1);
            for (int round = 0; ; round++)
            {
                Array.Clear(bids);
                for (int e = 0; e < _experts; e++) Bid(e, top, bids);
                if (round > 0 && round < _rounds)
                {
                    // What was won in the last round is held if nobody else bids.
                    for (int t = 0; t < _tokens; t++)
                    {
                        if (held[t] >= 0) bids[held[t] * _tokens + t] = _epsilon;
                    }
                }

                bool all = true;
                for (int t = 0; t < _tokens; t++)
                {
                    int best = 0;
                    for (int e = 1; e < _experts; e++) best = bids[e * _tokens + t] > bids[best * _tokens + t] ? e : best;
                    float bid = bids[best * _tokens + t];
                    held[t] = bid > 0 ? best : -1;
                    all &= bid > 0;
                    _cost[t] += bid;
                }

                if (all) return [.. top.SelectMany(static tokens => tokens)];
                for (int i = 0; i < _value.Length; i++) _value[i] = _score[i] - _cost[i % _tokens];
                for (int t = 0; t < _tokens; t++)
                {
                    if (held[t] >= 0) _value[held[t] * _tokens + t] = round < _rounds ? _largest : _score[held[t] * _tokens + t];
                }
            }
        }

        // A bid exceeds the first value that is not bid for.
        private void Bid(int expert, int[][] top, float[] bids)
        {
            int row = expert * _tokens;
            int[] ranked = [.. Enumerable.Range(0, _tokens).OrderByDescending(t => _value[row + t]).Take(_each + 1)];
            top[expert] = ranked[..^1];
            foreach (int t in top[expert]) bids[row + t] = _value[row + t] - _value[row + ranked[^1]] + _epsilon;
        }
    }
}
