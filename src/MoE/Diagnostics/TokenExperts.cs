namespace MoE.Diagnostics;

/// <summary>The experts of one token after another, whatever the form of the routing. Of a dense one, those with a non-zero weight. An expert that a token names twice is there once, with the sum of the weights.</summary>
internal sealed class TokenExperts(Routing routing)
{
    private readonly List<TokenExpert> _found = [];

    /// <summary>In the routing's order; overwritten by the next call.</summary>
    public IReadOnlyList<TokenExpert> Of(int token)
    {
        _found.Clear();
        switch (routing)
        {
            case TopKRouting top:
                AddRoutes(top, token * top.Choices, (token + 1) * top.Choices);
                break;
            case RaggedRouting ragged:
                AddRoutes(ragged, ragged.TokenOffsets[token], ragged.TokenOffsets[token + 1]);
                break;
            case DenseRouting dense:
                AddDense(dense, token);
                break;
            default:
                throw new NotSupportedException($"{routing.GetType().Name} is no known form of a routing");
        }

        return _found;
    }

    private void AddRoutes(SparseRouting sparse, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            int expert = sparse.ExpertIds[r];
            if (expert < 0) continue;
            var route = new TokenExpert(expert, sparse.Weights[r], sparse.Plan.IsKept(r));
            int same = _found.FindIndex(f => f.Expert == expert);
            if (same < 0) _found.Add(route);
            else _found[same] = new TokenExpert(expert, _found[same].Weight + route.Weight, _found[same].Kept || route.Kept);
        }
    }

    private void AddDense(DenseRouting dense, int token)
    {
        for (int e = 0; e < dense.ExpertCount; e++)
        {
            var slots = dense.Weights.Slice((token * dense.ExpertCount + e) * dense.Slots, dense.Slots);
            if (!slots.ContainsAnyExcept(0f)) continue;
            float sum = 0;
            foreach (float w in slots) sum += w;
            _found.Add(new TokenExpert(e, sum, true));
        }
    }
}
