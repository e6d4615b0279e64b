using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Customization;

/// <summary>How a made-up hand changes a digit: a linear map around the centre and a shift, in pixels of the original.</summary>
internal readonly record struct Style(double XX, double XY, double YX, double YY, double Right, double Down)
{
    private const int Original = 8, Border = 2;

    /// <summary>No change.</summary>
    public static Style None => new(1, 0, 0, 1, 0, 0);

    /// <summary>A hand: sheared by up to 25 degrees, turned by up to 20, moved by up to a pixel.</summary>
    public static Style Draw(Draws draws)
    {
        double shear = Math.Tan(draws.Uniform(-25, 25) * Math.PI / 180), turn = draws.Uniform(-20, 20) * Math.PI / 180, cos = Math.Cos(turn), sin = Math.Sin(turn);
        return new(cos, cos * shear - sin, sin, sin * shear + cos, draws.Uniform(-1, 1), draws.Uniform(-1, 1));
    }

    /// <summary>Draws an 8x8 digit into 28x28 pixels, bilinear between the original's.</summary>
    public void Enlarge(ReadOnlySpan<float> digit, Span<float> image)
    {
        const int Side = Characters.Side;
        const double Scale = (double)Original / (Side - 2 * Border), Centre = (Side - 1) / 2.0, Middle = (Original - 1) / 2.0;
        for (int row = 0; row < Side; row++)
        {
            for (int column = 0; column < Side; column++)
            {
                double x = (column - Centre) * Scale, y = (row - Centre) * Scale;
                image[row * Side + column] = At(digit, XX * x + XY * y + Middle - Right, YX * x + YY * y + Middle - Down);
            }
        }
    }

    private static float At(ReadOnlySpan<float> digit, double x, double y)
    {
        int left = (int)Math.Floor(x), top = (int)Math.Floor(y);
        double value = 0;
        for (int dy = 0; dy < 2; dy++)
        {
            for (int dx = 0; dx < 2; dx++)
            {
                int c = left + dx, r = top + dy;
                if (c is >= 0 and < Original && r is >= 0 and < Original) value += digit[r * Original + c] * (1 - Math.Abs(x - c)) * (1 - Math.Abs(y - r));
            }
        }

        return (float)value;
    }
}
