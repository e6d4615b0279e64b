using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Digits;

/// <summary>The training loop of the samples: AdamW with a cosine schedule.</summary>
public static class DigitTraining
{
    /// <summary>Images per step.</summary>
    public const int Batch = 128;

    /// <summary>Trains a model.</summary>
    /// <param name="model">Takes images, gives logits. The losses of any <see cref="MoELayer"/> in it are added.</param>
    /// <param name="images">[images, 64].</param>
    /// <param name="labels">[images].</param>
    /// <param name="epochs">Passes over the images.</param>
    /// <param name="rate">Learning rate at the start.</param>
    /// <param name="progress">Called with the fraction done after every epoch; may throw to stop.</param>
    /// <param name="epochDone">Called after every epoch, or null.</param>
    public static void Train(nn.Module<Tensor, Tensor> model, Tensor images, Tensor labels, int epochs, double rate, Action<double> progress, Action? epochDone = null)
    {
        using var routers = model.modules().OfType<MoELayer>().Any() ? new RouterLossCollector(model) : null;
        using var optimizer = optim.AdamW(model.parameters(), rate);
        int batches = (int)Math.Ceiling(images.shape[0] / (double)Batch);
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches);
        model.train();
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            using var scope = NewDisposeScope();
            foreach (var rows in randperm(images.shape[0]).split(Batch))
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                var loss = nn.functional.cross_entropy(model.call(images.index_select(0, rows)), labels.index_select(0, rows));
                if (routers is not null) loss = loss + routers.Take();
                loss.backward();
                optimizer.step();
                schedule.step();
            }

            epochDone?.Invoke();
            progress((epoch + 1.0) / epochs);
        }

        model.eval();
    }

    /// <summary>The share of images that are classified right, in percent.</summary>
    public static double Accuracy(nn.Module<Tensor, Tensor> model, Tensor images, Tensor labels)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return 100 * model.call(images).argmax(1).eq(labels).to(ScalarType.Float64).mean().item<double>();
    }
}
