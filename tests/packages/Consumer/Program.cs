using MoE;
using MoE.Torch;
using TorchSharp;

torch.manual_seed(1);

// The same layer, with the same weights, on the torch engine and on the managed one.
var spec = new MoELayerSpec
{
    Width = 16,
    Router = new RouterSpec { Experts = 8, Select = new TopKSelection { K = 2 }, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } },
    Expert = new ExpertSpec { Width = 32 },
};
using var layer = new MoELayer(spec);
using var torchEngine = new TorchMoEEngine(layer);
using var managedEngine = new ReferenceLayer(MoELayerSpec.FromJson(spec.ToJson()), layer.export_weights());

const int tokens = 64;
var random = new Random(1);
float[] x = [.. Enumerable.Range(0, tokens * spec.Width).Select(_ => random.NextSingle() * 2 - 1)];
float[] fromTorch = new float[x.Length], fromManaged = new float[x.Length];
torchEngine.Forward(x, fromTorch);
managedEngine.Forward(x, fromManaged);
int[] torchLoad = torchEngine.Route(x).Load(), managedLoad = managedEngine.Route(x).Load();
float difference = fromTorch.Zip(fromManaged, (a, b) => Math.Abs(a - b)).Max();

bool same = torchLoad.SequenceEqual(managedLoad) && difference < 1e-5f && fromTorch.Any(y => y != 0);
Console.WriteLine($"tokens per expert, torch   {string.Join(' ', torchLoad)}");
Console.WriteLine($"tokens per expert, managed {string.Join(' ', managedLoad)}");
Console.WriteLine($"largest difference of the outputs {difference:G3}");
Console.WriteLine($"engines agree: {same}");
return same ? 0 : 1;
