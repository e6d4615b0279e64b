using System.Runtime.CompilerServices;
using MoE;

// JSON is what reflection would break first, so the spec goes through it.
var written = new RouterSpec { Experts = 4, Select = new TopKSelection { K = 2 }, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } };
var spec = RouterSpec.FromJson(written.ToJson());

// Of logits 1 2 3 4 the last two are chosen, with weights softmax(4, 3) = sigmoid(1), sigmoid(-1).
var routing = ReferenceRouter.Route([1, 2, 3, 4, 4, 3, 2, 1], spec);
double first = 1 / (1 + Math.Exp(-1));
bool right = !RuntimeFeature.IsDynamicCodeSupported
    && spec.ToJson() == written.ToJson()
    && routing.ExpertIds.SequenceEqual([3, 2, 0, 1])
    && routing.Weights.ToArray().Zip([first, 1 - first, first, 1 - first], (a, b) => Math.Abs(a - b)).Max() < 1e-6;
Console.WriteLine($"experts {string.Join(' ', routing.ExpertIds.ToArray())}, weights {string.Join(' ', routing.Weights.ToArray())}, as expected: {right}");
return right ? 0 : 1;
