using System.Buffers.Binary;

namespace MoE.Diagnostics;

/// <summary>The payload of one record, whose checksum was right. Everything else is still doubted.</summary>
internal ref struct RoutingRecordParser(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _all = payload;
    private ReadOnlySpan<byte> _rest = payload;

    public RoutingRecord Parse()
    {
        int kind = _all[0], flags = _all[1];
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(_all[2..]);
        long step = BinaryPrimitives.ReadInt64LittleEndian(_all[4..]);
        int tokens = Count(12, "T", 0, int.MaxValue), experts = Count(16, "E", 1, RoutingLogFormat.MaxExperts);
        int k = Count(20, "K", kind == (int)RoutingKind.Ragged ? 0 : 1, kind == (int)RoutingKind.Ragged ? 0 : RoutingLogFormat.MaxExperts);
        int capacity = BinaryPrimitives.ReadInt32LittleEndian(_all[24..]);
        Require(Enum.IsDefined((RoutingKind)kind), "kind", kind, "must be 0, 1 or 2");
        Require((flags & ~(RoutingLogFormat.Weights | RoutingLogFormat.Drops | RoutingLogFormat.Dispatch | RoutingLogFormat.Margins)) == 0, "flags", flags, "has unknown bits");
        Require(nameLength is > 0 and <= RoutingLogFormat.MaxName, "name length", nameLength, $"must be in 1..{RoutingLogFormat.MaxName}");
        Require(step >= 0, "step", step, "must not be negative");
        Require(capacity >= -1, "capacity", capacity, "must be -1 (none) or more");
        _rest = _all[RoutingLogFormat.FixedSize..];
        string name = RoutingLogFormat.Utf8.GetString(Take(nameLength));

        bool weights = Has(flags, RoutingLogFormat.Weights), drops = Has(flags, RoutingLogFormat.Drops), dispatch = Has(flags, RoutingLogFormat.Dispatch);
        Routing routing;
        if (kind == (int)RoutingKind.Dense)
        {
            Require(weights && !drops && capacity == -1, "flags", flags, "a dense routing has weights, no drops and no capacity");
            // In double first: the product of three counts can pass 2^64.
            Require(4.0 * tokens * experts * k <= _rest.Length, "length", _all.Length, $"too short for {tokens} x {experts} x {k} weights");
            long count = (long)tokens * experts * k;
            routing = new DenseRouting(tokens, experts, k, Singles(count), dispatch ? Singles(count) : null);
        }
        else
        {
            Require(!dispatch, "flags", flags, "only a dense routing has dispatch weights");
            Require(!drops || capacity >= 0, "capacity", capacity, "drops need a capacity");
            routing = Sparse(kind, tokens, experts, k, capacity, weights, drops);
        }

        float[] margins = Has(flags, RoutingLogFormat.Margins) ? Singles(tokens) : [];
        Require(_rest.IsEmpty, "length", _all.Length, $"{_rest.Length} bytes are left over");
        return new RoutingRecord(name, step, routing, weights, margins);
    }

    private static bool Has(int flags, byte flag) => (flags & flag) != 0;

    private static void Require(bool holds, string name, object value, string rule)
    {
        if (!holds) throw new InvalidDataException(new SpecProblem(name, SpecProblems.Text(value), rule).ToString());
    }

    private SparseRouting Sparse(int kind, int tokens, int experts, int k, int capacity, bool weights, bool drops)
    {
        int[]? offsets = kind == (int)RoutingKind.Ragged ? Offsets(tokens) : null;
        long routes = offsets is null ? (long)tokens * k : offsets[^1];
        int[] ids = Ids(routes, experts);
        bool[] kept = Array.ConvertAll(ids, static id => id >= 0);
        if (drops) Drop(kept);
        float[] w = weights ? Singles(routes) : new float[routes];
        var plan = capacity < 0 ? ExpertPlan.Dropless(ids, experts) : ExpertPlan.FromKept(ids, 1, experts, kept, ExpertPlan.Dropless(ids, experts).Positions.ToArray(), capacity);
        return offsets is null ? new TopKRouting(tokens, experts, k, ids, w, plan) : new RaggedRouting(experts, offsets, ids, w, plan);
    }

    private int[] Offsets(int tokens)
    {
        var counts = Take(4L * tokens);
        var offsets = new int[tokens + 1];
        for (int t = 0; t < tokens; t++)
        {
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(counts[(4 * t)..]);
            Require(count <= (uint)_rest.Length, $"choices of token {t}", count, "must fit the record");
            offsets[t + 1] = checked(offsets[t] + (int)count);
        }

        return offsets;
    }

    private int[] Ids(long routes, int experts)
    {
        int size = RoutingLogFormat.IdSize(experts);
        var bytes = Take(routes * size);
        var ids = new int[routes];
        for (int r = 0; r < ids.Length; r++)
        {
            uint id = size switch
            {
                1 => bytes[r],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * r)..]),
                _ => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * r)..]),
            };
            bool none = id == uint.MaxValue >> (32 - 8 * size);
            Require(none || id < experts, $"expert of route {r}", id, $"must be below E ({experts})");
            ids[r] = none ? -1 : (int)id;
        }

        return ids;
    }

    private void Drop(bool[] kept)
    {
        var bits = Take((kept.Length + 7L) / 8);
        for (int r = 0; r < 8 * bits.Length; r++)
        {
            if ((bits[r / 8] >> r % 8 & 1) == 0) continue;
            Require(r < kept.Length && kept[r], "dropped route", r, "must be a route with an expert");
            kept[r] = false;
        }
    }

    private float[] Singles(long count)
    {
        var bytes = Take(4 * count);
        var values = new float[count];
        for (int i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]);
        return values;
    }

    private ReadOnlySpan<byte> Take(long length)
    {
        Require(length <= _rest.Length, "length", _all.Length, $"the record needs {length} bytes more where {_rest.Length} are left");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private readonly int Count(int at, string name, int least, int most)
    {
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(_all[at..]);
        Require(value >= least && value <= most, name, value, $"must be in {least}..{most}");
        return (int)value;
    }
}
