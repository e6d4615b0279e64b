using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>mistral-inference: top-k of the logits, softmax over the chosen; the files' experts are ReLU networks.</summary>
internal sealed class MistralInference : IAdapter
{
    public string Peer => "mistral_inference";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MoeLayer"] = Layer };

    private static LayerPlan Layer(CaseReader c)
    {
        int experts = c.Int("num_experts");
        return new LayerCase(c, "x")
        {
            Layer = w => new MoELayerSpec
            {
                Width = w.Model,
                Router = RouterProfiles.MistralInference(experts, c.Int("num_experts_per_tok")),
                Expert = new ExpertSpec { Width = w.Expert, Form = ExpertForm.FeedForward, Activation = Activation.Relu },
            },
            Outputs = new Dictionary<string, Quantity> { ["gate_logits"] = Quantity.Logits },
        }
            .With(Link.Of("gate.weight", WeightNames.Router))
            .With(PerExpert("fc1.weight", WeightNames.ExpertUp, experts))
            .With(PerExpert("fc2.weight", WeightNames.ExpertDown, experts))
            .Plan();
    }

    private static Link PerExpert(string peer, string library, int experts) =>
        new([.. Enumerable.Range(0, experts).Select(e => $"experts.{e}.{peer}")], [library], Layout.PerExpert);
}
