namespace MoE.Samples.Scenes;

/// <summary>Puts items of 28x28 pixels onto a larger canvas at another size: every pixel of the canvas takes the mean of what it covers of the item.</summary>
public static class ScaledItem
{
    private const int Original = 28;

    /// <summary>Gives an item's grey at another size.</summary>
    /// <param name="item">[28 * 28], 0..255.</param>
    /// <param name="size">Pixels per side, positive.</param>
    /// <returns>[size * size], 0..1.</returns>
    public static float[] Resize(ReadOnlySpan<byte> item, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        if (item.Length != Original * Original) throw new ArgumentException($"item has {item.Length} pixels; must have {Original * Original}", nameof(item));
        double scale = (double)Original / size;
        var result = new float[size * size];
        for (int row = 0; row < size; row++)
        {
            for (int column = 0; column < size; column++) result[row * size + column] = (float)(Mean(item, row * scale, column * scale, scale) / 255);
        }

        return result;
    }

    // The mean over a square of the item, parts of pixels by their area.
    private static double Mean(ReadOnlySpan<byte> item, double top, double left, double side)
    {
        double sum = 0;
        for (int y = (int)top; y < Math.Min(Original, top + side - 1e-9); y++)
        {
            double high = Math.Min(y + 1, top + side) - Math.Max(y, top);
            for (int x = (int)left; x < Math.Min(Original, left + side - 1e-9); x++)
                sum += item[y * Original + x] * high * (Math.Min(x + 1, left + side) - Math.Max(x, left));
        }

        return sum / (side * side);
    }
}
