using MoE.Samples.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hmode;

/// <summary>Adam. The paper's 2e-5 is for a pretrained encoder and 200 epochs; here the rate falls from 2e-3 to zero, because a rate that stays leaves a bias in every count that is larger than what is compared.</summary>
public static class CountTraining
{
    private const double Rate = 2e-3;
    private const int Crop = 64;

    /// <summary>Trains on random crops of 64x64 pixels, mirrored by chance.</summary>
    /// <param name="form">What the gates give.</param>
    /// <param name="relative">With relative local counts.</param>
    /// <param name="set">To learn from.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="batch">Crops of a step.</param>
    /// <param name="seed">Draws weights and crops.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    /// <returns>The model, ready to predict.</returns>
    public static DensityModel Train(GateForm form, bool relative, CountingSet set, int steps, int batch, long seed, Action<double> progress)
    {
        manual_seed(seed);
        var draws = new Draws(seed, 11);
        var model = new DensityModel(form);
        try
        {
            using var optimizer = optim.Adam(model.parameters(), Rate);
            float[] images = new float[batch * Crop * Crop], density = new float[images.Length];
            for (int step = 0; step < steps; step++)
            {
                foreach (var group in optimizer.ParamGroups) group.LearningRate = Rate * (steps - step) / steps;
                for (int b = 0; b < batch; b++) Cut(set, draws, images.AsSpan(b * Crop * Crop, Crop * Crop), density.AsSpan(b * Crop * Crop, Crop * Crop));
                using var scope = NewDisposeScope();
                var loss = CountingLoss.Of(model.predict(tensor(images).view(batch, 1, Crop, Crop)), tensor(density).view(batch, 1, Crop, Crop), relative);
                optimizer.zero_grad();
                loss.backward();
                optimizer.step();
                if (step % 10 == 9) progress((step + 1.0) / steps);
            }

            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static void Cut(CountingSet set, Draws draws, Span<float> image, Span<float> density)
    {
        int at = draws.Below(set.Count) * set.Side * set.Side, left = draws.Below(set.Side - Crop + 1), top = draws.Below(set.Side - Crop + 1);
        bool mirrored = draws.Below(2) == 1;
        for (int y = 0; y < Crop; y++)
        {
            int from = at + (top + y) * set.Side + left;
            set.Images.AsSpan(from, Crop).CopyTo(image[(y * Crop)..]);
            set.Density.AsSpan(from, Crop).CopyTo(density[(y * Crop)..]);
            if (mirrored) image.Slice(y * Crop, Crop).Reverse();
            for (int x = 0; x < Crop; x++) density[y * Crop + x] *= (float)CountingLoss.Scale;
            if (mirrored) density.Slice(y * Crop, Crop).Reverse();
        }
    }
}
