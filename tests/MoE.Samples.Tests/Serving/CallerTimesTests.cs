using MoE.Samples.Serving;

namespace MoE.Samples.Tests.Serving;

public sealed class CallerTimesTests
{
    private static readonly MoELayerSpec s_spec = new() { Width = 2, Router = new RouterSpec { Experts = 2, Select = new TopKSelection { K = 1 } }, Expert = new ExpertSpec { Width = 2 } };

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(25)]
    public void A_failing_caller_is_an_error_and_not_the_end_of_the_program(int good)
    {
        var engines = new IMoEEngine[] { new Engine(int.MaxValue), new Engine(int.MaxValue), new Engine(good) };
        var error = Assert.Throws<InvalidOperationException>(() => CallerTimes.Of(engines, new float[2 * CallerTimes.Batch], 10, CancellationToken.None));
        Assert.Contains("enough", error.Message, StringComparison.Ordinal);
        Assert.IsType<NotSupportedException>(error.InnerException);
    }

    [Fact]
    public void Every_caller_calls_with_a_batch()
    {
        var engines = Enumerable.Range(0, 3).Select(static _ => new Engine(int.MaxValue)).ToArray();
        var times = CallerTimes.Of(engines, new float[2 * CallerTimes.Batch], 10, CancellationToken.None);
        Assert.InRange(times.Median, 0, times.Worst);
        Assert.All(engines, static e => Assert.Equal(2 * CallerTimes.Batch, e.Last));
        Assert.All(engines[1..], e => Assert.Equal(engines[1].Calls, e.Calls));
        // The first one runs alone before.
        Assert.Equal(2 * engines[1].Calls, engines[0].Calls);
    }

    private sealed class Engine(int good) : IMoEEngine
    {
        public int Calls { get; private set; }

        public int Last { get; private set; }

        public string Name => "made";

        public MoELayerSpec Spec => s_spec;

        public Routing Route(ReadOnlySpan<float> tokens) => throw new NotSupportedException();

        public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
        {
            if (++Calls > good) throw new NotSupportedException("enough");
            Last = tokens.Length;
        }

        public void Dispose()
        {
        }
    }
}
