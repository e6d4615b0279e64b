using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace MoE;

/// <summary>
/// Writes the defaults of absent keys into a spec's JSON before it is read: source-generated reading gives an absent init-only property the zero of its type, not its initialiser.
/// The defaults come from default instances, so they are written down once.
/// </summary>
internal static class SpecDefaults
{
    public static void FillRouter(JsonObject router)
    {
        FillMember(router, "score", new ScoreSpec(), SpecJsonContext.Default.ScoreSpec);
        FillMember(router, "weigh", new WeighSpec(), SpecJsonContext.Default.WeighSpec);
        FillMember(router, "dispatch", new DispatchSpec(), SpecJsonContext.Default.DispatchSpec);
        if (Member(router, "dispatch") is { } dispatch && Member(dispatch, "capacity") is { } capacity)
            Fill(capacity, new CapacitySpec(), SpecJsonContext.Default.CapacitySpec);
        if (Member(router, "weigh") is { } weighs && Member(weighs, "soft_top_k") is { } soft) Fill(soft, new CoordinateDescentSpec(), SpecJsonContext.Default.CoordinateDescentSpec);
        if (Member(router, "noise") is { } noise) Fill(noise, new NoiseSpec(), SpecJsonContext.Default.NoiseSpec);
        if (Member(router, "select") is { } chooses && Member(chooses, "later") is { } later)
            Fill(later, new LaterChoices(), SpecJsonContext.Default.LaterChoices);
        if (Member(router, "select") is { } balances && Member(balances, "balance") is { } balance)
            Fill(balance, new BatchBalance(), SpecJsonContext.Default.BatchBalance);
        if (Member(router, "select") is { } select && Member(select, "groups") is { } groups)
            Fill(groups, new GroupLimit { Count = 1, Keep = 1 }, SpecJsonContext.Default.GroupLimit, "count", "keep");
    }

    public static void FillLayer(JsonObject layer)
    {
        if (Member(layer, "router") is { } router) FillRouter(router);
        if (Member(layer, "special") is { } special) Fill(special, new SpecialExperts(), SpecJsonContext.Default.SpecialExperts);
        if (Member(layer, "expert") is { } expert) Fill(expert, new ExpertSpec { Width = 1 }, SpecJsonContext.Default.ExpertSpec, "width");
    }

    private static JsonObject? Member(JsonObject parent, string key) => parent[key] as JsonObject;

    private static void FillMember<T>(JsonObject parent, string key, T defaults, JsonTypeInfo<T> type)
    {
        if (!parent.ContainsKey(key)) parent[key] = new JsonObject();
        if (Member(parent, key) is { } member) Fill(member, defaults, type);
    }

    private static void Fill<T>(JsonObject target, T defaults, JsonTypeInfo<T> type, params ReadOnlySpan<string> required)
    {
        foreach (var (key, value) in JsonSerializer.SerializeToNode(defaults, type)!.AsObject())
        {
            if (!required.Contains(key) && !target.ContainsKey(key)) target[key] = value!.DeepClone();
        }
    }
}
