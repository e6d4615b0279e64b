using MoE.Samples.Numerics;
using MoE.Samples.Ratings;
using MoE.Torch;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AwMoe;

/// <summary>What the masked view of a sequence is used for.</summary>
public enum View
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A second view for the contrastive loss on the gate.</summary>
    Contrast,

    /// <summary>Another example for the ranking loss: the same masking as plain augmentation.</summary>
    Augment,
}

/// <summary>Trains rankers and reads their scores.</summary>
/// <param name="Epochs">Passes.</param>
public sealed record Training(int Epochs)
{
    /// <summary>Chance that a behaviour is masked in a view, temperature and weight of the contrastive loss.</summary>
    public const double Masked = 0.2, Temperature = 0.5, Weight = 0.05;

    private const double Rate = 3e-3;
    private const int Batch = 512, Reading = 2048;

    /// <summary>Trains one. Models of a seed see the same rows in the same order and begin with the same weights, as far as they have the same parts.</summary>
    /// <param name="data">The ratings.</param>
    /// <param name="rows">Rows to learn from.</param>
    /// <param name="form">What weighs the experts.</param>
    /// <param name="view">What a masked view is used for.</param>
    /// <param name="seed">Draws weights, order and masks.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public Ranker Train(RatingSequences data, int[] rows, GateForm form, View view, long seed, Action<double> progress)
    {
        manual_seed(seed);
        var model = new Ranker(data, form);
        try
        {
            using var optimizer = optim.Adam(model.parameters(), Rate);
            var draws = new Draws(seed, 71);
            var masks = new Draws(seed, 72);
            int[] order = [.. rows];
            for (int epoch = 0; epoch < Epochs; epoch++)
            {
                draws.Shuffle<int>(order);
                int done = 0;
                foreach (int[] part in order.Chunk(Batch))
                {
                    using var step = NewDisposeScope();
                    optimizer.zero_grad();
                    var batch = data.Take(part);
                    var (target, past, liked) = (batch.Films, batch.Sequences.select(1, 0), batch.Labels.select(1, 0));
                    var (logits, gate) = model.rank(target, past);
                    var loss = Loss(logits, liked);
                    if (view == View.Contrast)
                    {
                        var (b, x, absent) = model.embed(target, Mask(past, masks));
                        loss = loss + ContrastiveLosses.info_nce(gate, model.weights(b, x, absent), Temperature) * Weight;
                    }
                    else if (view == View.Augment)
                    {
                        loss = (loss + Loss(model.rank(target, Mask(past, masks)).Logits, liked)) / 2;
                    }

                    loss.backward();
                    optimizer.step();
                    done += part.Length;
                    progress((epoch + done / (double)order.Length) / Epochs);
                }
            }

            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The scores of rows.</summary>
    /// <param name="model">The ranker.</param>
    /// <param name="data">The ratings.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="kept">How many of the latest behaviours each row keeps; null: all.</param>
    /// <param name="pastOf">The row whose behaviours stand for a row's own; null: its own.</param>
    public static float[] Scores(Ranker model, RatingSequences data, int[] rows, int[]? kept = null, int[]? pastOf = null)
    {
        using var guard = no_grad();
        var scores = new List<float>();
        foreach (int[] places in Enumerable.Range(0, rows.Length).Chunk(Reading))
        {
            using var scope = NewDisposeScope();
            var batch = data.Take([.. places.Select(p => rows[p])]);
            var past = (pastOf is null ? batch : data.Take([.. places.Select(p => pastOf[p])])).Sequences.select(1, 0);
            if (kept is not null) past = Latest(past, [.. places.Select(p => (long)kept[p])]);
            scores.AddRange(model.rank(batch.Films, past).Logits.data<float>().ToArray());
        }

        return [.. scores];
    }

    /// <summary>Share of rows, in percent, whose masked view has a gate nearer (by cosine) to the row's own than every other row of its batch has to it.</summary>
    public static double Agreement(Ranker model, RatingSequences data, int[] rows, int batchSize, long seed)
    {
        using var guard = no_grad();
        var masks = new Draws(seed, 73);
        double right = 0;
        int seen = 0;
        foreach (int[] part in rows.Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            var batch = data.Take(part);
            var past = batch.Sequences.select(1, 0);
            Tensor Gate(Tensor sequences)
            {
                var (b, x, absent) = model.embed(batch.Films, sequences);
                return nn.functional.normalize(model.weights(b, x, absent), 2, -1, 1e-12);
            }

            var (own, masked) = (Gate(past), Gate(Mask(past, masks)));
            var others = own.mm(own.t()).masked_fill(eye(part.Length, dtype: ScalarType.Bool), -2).amax([1L]);
            right += (own * masked).sum(-1).gt(others).sum().item<long>();
            seen += part.Length;
        }

        return 100 * right / seen;
    }

    /// <summary>A view: each behaviour that is there is taken out with the chance <see cref="Masked"/>.</summary>
    public static Tensor Mask(Tensor past, Draws draws)
    {
        using var scope = NewDisposeScope();
        bool[] mask = [.. Enumerable.Range(0, (int)past.numel()).Select(_ => draws.Uniform() < Masked)];
        return past.masked_fill(tensor(mask, past.shape), 0).MoveToOuterDisposeScope();
    }

    // The latest behaviours stand at the end of a sequence.
    private static Tensor Latest(Tensor past, long[] kept)
    {
        long length = past.shape[1];
        return past.masked_fill(arange(length).unsqueeze(0).lt((length - tensor(kept)).unsqueeze(1)), 0);
    }

    private static Tensor Loss(Tensor logits, Tensor liked) => nn.functional.binary_cross_entropy_with_logits(logits, liked);
}
