using TorchSharp;

torch.manual_seed(1);

float sum = torch.ones(2, 3).sum().item<float>();
Console.WriteLine($"torch under an application that gets {Experts.Layer} through a library: {sum}");
return sum == 6 ? 0 : 1;
