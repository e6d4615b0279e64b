using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class FairseqBase : IAdapter
{
    public string Peer => "fairseq_base";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["balanced_assignment"] = Balanced, ["greedy_assignment"] = Greedy };

    private static RouterSpec Router(CaseReader c) => RouterProfiles.Base(c.Int("num_experts")) with { Score = new ScoreSpec { Function = ScoreFunction.Identity } };

    private static NamedTorchPlan Balanced(CaseReader c)
    {
        var scores = c.Input("scores");
        var call = new RoutingCase { Router = Router(c), Logits = scores, Training = true };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                run["token_ids_grouped_by_expert"] = Assignments.balanced_assignment(TorchValues.Tensor(scores));
                run["total_score"] = TorchRouterLosses.total([.. call.Torch(TorchValues.Tensor(scores)).Weights.flatten().unbind()]);
                run.Set("optimal_total_score_scipy", HostValues.Doubles([], [BalancedAssignment.Best(HostValues.Floats(scores), scores.Size(1)).Score(HostValues.Floats(scores))]));
            },
        };
    }

    private static NamedTorchPlan Greedy(CaseReader c)
    {
        var scores = c.Input("scores");
        var call = new RoutingCase { Router = Router(c), Logits = scores };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(scores));
                var (_, _, tokens, inverse) = routing.Permute(TorchValues.Tensor(scores));
                run["token_ids_sorted_by_expert"] = tokens;
                run["tokens_per_expert"] = routing.Load();
                run["inverse_sort"] = inverse;
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] sorted = routing.Plan.Permutation.ToArray();
                values["token_ids_sorted_by_expert"] = HostValues.Integers([sorted.Length], sorted);
                values["tokens_per_expert"] = HostValues.Integers([routing.ExpertCount], routing.Load());
                values["inverse_sort"] = HostValues.Integers([sorted.Length], [.. Enumerable.Range(0, sorted.Length).Select(t => Array.IndexOf(sorted, t))]);
            },
        };
    }
}
