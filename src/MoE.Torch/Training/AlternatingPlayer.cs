using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>One side of an alternating training: the parameters of its optimiser, the loss that it lowers, and how long its turn is.</summary>
/// <param name="Name">What problems and progress call it.</param>
/// <param name="Optimizer">Holds the parameters that this side moves, and no others. It stays the caller's.</param>
/// <param name="Loss">Takes the number of steps that this side has made (0 at first) and gives the loss of the next one, a scalar; it may do anything, an attack on the input for instance. Tensors that it makes end with the step.</param>
/// <param name="Steps">Steps of a turn, positive.</param>
/// <param name="Schedule">Steps after each step of the optimiser; null: its rate stays.</param>
public sealed record AlternatingPlayer(string Name, optim.Optimizer Optimizer, Func<long, Tensor> Loss, int Steps = 1, optim.lr_scheduler.LRScheduler? Schedule = null);
