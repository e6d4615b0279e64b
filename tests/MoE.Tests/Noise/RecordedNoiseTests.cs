namespace MoE.Tests.Noise;

/// <summary>Recorded draws come back by name, and only those that were recorded.</summary>
public sealed class RecordedNoiseTests
{
    [Fact]
    public void A_draw_comes_back_whatever_the_step_and_distribution()
    {
        var noise = new RecordedNoise(new Dictionary<string, float[]> { ["gate"] = [1, 2, 3] });
        var values = new float[3];
        noise.Fill("gate", 7, NoiseKind.Gumbel, values);
        Assert.Equal([1, 2, 3], values);
    }

    [Fact]
    public void What_was_not_recorded_is_refused()
    {
        var noise = new RecordedNoise(new Dictionary<string, float[]> { ["a"] = [1], ["b"] = [] });
        Assert.Equal("name = c: the recording holds a, b", Assert.Throws<KeyNotFoundException>(() => noise.Fill("c", 0, NoiseKind.Normal, new float[1])).Message);
        var refused = Assert.Throws<ArgumentException>(() => noise.Fill("a", 0, NoiseKind.Normal, new float[2]));
        Assert.Equal("destination", refused.ParamName);
        Assert.StartsWith("destination has 2 values; the recording of a has 1", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("name", () => noise.Fill(null!, 0, NoiseKind.Normal, []));
        Assert.Throws<ArgumentNullException>("draws", static () => _ = new RecordedNoise(null!));
    }
}
