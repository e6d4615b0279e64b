using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Customization;

/// <summary>LeNet-5 (LeCun et al. 1998) with ReLU and maximum pooling: the global expert.</summary>
public sealed class LeNet : nn.Module<Tensor, Tensor>
{
    /// <summary>Width of the last hidden layer, which the local expert and the gate read.</summary>
    public const int Features = 84;

    private readonly Conv2d first;
    private readonly Conv2d second;
    private readonly Linear third;
    private readonly Linear fourth;
    private readonly Linear head;

    /// <summary>Makes one with new weights.</summary>
    /// <param name="classes">C.</param>
    public LeNet(int classes)
        : base(nameof(LeNet))
    {
        first = nn.Conv2d(1, 6, 5, padding: 2);
        second = nn.Conv2d(6, 16, 5);
        third = nn.Linear(16 * 5 * 5, 120);
        fourth = nn.Linear(120, Features);
        head = nn.Linear(Features, classes);
        RegisterComponents();
    }

    /// <summary>Multiply-adds per image.</summary>
    /// <param name="classes">C.</param>
    public static long MultiplyAdds(int classes) => 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * Features + Features * classes;

    /// <summary>The last hidden layer, [images, 84].</summary>
    /// <param name="images">[images, 784].</param>
    public Tensor features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var maps = nn.functional.max_pool2d(first.call(images.reshape(-1, 1, 28, 28)).relu(), 2);
        maps = nn.functional.max_pool2d(second.call(maps).relu(), 2);
        return fourth.call(third.call(maps.flatten(1)).relu()).relu().MoveToOuterDisposeScope();
    }

    /// <summary>From the last hidden layer to logits, [images, C].</summary>
    public Tensor classify(Tensor features) => head.call(features);

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return classify(features(input)).MoveToOuterDisposeScope();
    }

    /// <summary>Trains all layers.</summary>
    /// <param name="images">[images, 784].</param>
    /// <param name="labels">[images].</param>
    /// <param name="epochs">Passes.</param>
    /// <param name="rate">Learning rate of AdamW at the start of a cosine.</param>
    /// <param name="batch">Images per step.</param>
    /// <param name="progress">Takes the fraction done.</param>
    public void Train(Tensor images, Tensor labels, int epochs, double rate, int batch, Action<double> progress)
    {
        using var optimizer = optim.AdamW(parameters(), rate);
        long steps = epochs * ((images.shape[0] + batch - 1) / batch), step = 0;
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps);
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            using var order = NewDisposeScope();
            foreach (var rows in randperm(images.shape[0]).split(batch))
            {
                using var scope = NewDisposeScope();
                optimizer.zero_grad();
                nn.functional.cross_entropy(call(images.index_select(0, rows)), labels.index_select(0, rows)).backward();
                optimizer.step();
                schedule.step();
                if (step++ % 16 == 0) progress((double)step / steps);
            }
        }
    }

    /// <summary>Another one with the same weights.</summary>
    public LeNet Copy(int classes)
    {
        var copy = new LeNet(classes);
        copy.load_state_dict(state_dict());
        return copy;
    }
}
