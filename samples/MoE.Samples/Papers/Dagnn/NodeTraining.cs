using MoE.Samples.Data.Sets;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>The released recipe: Adam 0.01 with weight decay on everything, test accuracy at the lowest validation loss, stopped once the validation loss exceeds the mean of the hundred before.</summary>
public static class NodeTraining
{
    private const int Window = 100;

    /// <summary>Trains and gives the test accuracy at the lowest validation loss, in percent.</summary>
    /// <param name="model">The model.</param>
    /// <param name="graph">Its graph.</param>
    /// <param name="decay">Weight decay.</param>
    /// <param name="least">Epochs before it may stop.</param>
    /// <param name="most">Epochs at most.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static double Accuracy(NodeModel model, Planetoid graph, double decay, int least, int most, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        using var optimizer = optim.Adam(model.parameters(), 0.01, weight_decay: decay);
        var labels = tensor(graph.Labels);
        Tensor Part(string name) => tensor(graph.Parts[name]);
        Tensor train = Part("train"), val = Part("val"), test = Part("test");
        Tensor Loss(Tensor logits, Tensor part) => nn.functional.cross_entropy(logits.index_select(0, part), labels.index_select(0, part));

        double best = double.PositiveInfinity, accuracy = 0;
        var history = new Queue<double>();
        for (int epoch = 0; epoch < most; epoch++)
        {
            using var step = NewDisposeScope();
            model.train();
            optimizer.zero_grad();
            Loss(model.logits(), train).backward();
            optimizer.step();

            model.eval();
            using var guard = no_grad();
            var logits = model.logits();
            double loss = Loss(logits, val).item<float>();
            if (loss < best)
            {
                best = loss;
                accuracy = 100 * logits.index_select(0, test).argmax(1).eq(labels.index_select(0, test)).to(ScalarType.Float64).mean().item<double>();
            }

            if (epoch > least && history.Count == Window && loss > history.Average()) break;
            history.Enqueue(loss);
            if (history.Count > Window) history.Dequeue();
            if (epoch % 20 == 0) progress(Math.Min(1, epoch / (double)least));
        }

        return accuracy;
    }
}
