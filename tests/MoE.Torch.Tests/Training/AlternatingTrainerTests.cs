using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Training;

[Collection("tensor counts")]
public sealed class AlternatingTrainerTests
{
    // Player 1 lowers (x - a y)^2 / 2, player 2 (y - b x - c)^2 / 2: a turn of n steps of rate r shrinks the distance to the best answer by (1 - r)^n, and the game ends at x = a c / (1 - a b), y = c / (1 - a b).
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(2, 5)]
    public void Turns_of_n_and_m_steps_follow_the_closed_form(int n, int m)
    {
        const double a = 0.6, b = -0.8, c = 1.5, rate = 0.2;
        using var game = new Game(3, -2);
        var trainer = new AlternatingTrainer(
            game.First(n, rate, (x, y) => (x - a * y).square().div(2).sum()),
            game.Second(m, rate, (x, y) => (y - b * x - c).square().div(2).sum()));
        double p = 3, q = -2;
        for (int round = 0; round < 100; round++)
        {
            trainer.Run(1);
            p = a * q + Math.Pow(1 - rate, n) * (p - a * q);
            q = b * p + c + Math.Pow(1 - rate, m) * (q - b * p - c);
            // Sums of a few numbers of size 5 in double precision, with errors that shrink from step to step.
            Assert.InRange(game.X - p, -1e-12, 1e-12);
            Assert.InRange(game.Y - q, -1e-12, 1e-12);
        }

        Assert.Equal((100L * n, 100L * m), (trainer.FirstSteps, trainer.SecondSteps));
        // The slowest of the three schedules shrinks the distance to the end by less than 0.9 a round.
        Assert.InRange(game.X - a * c / (1 - a * b), -1e-4, 1e-4);
        Assert.InRange(game.Y - c / (1 - a * b), -1e-4, 1e-4);
    }

    // min over x, max over y of x y: steps in turns keep x^2 + y^2 - r x y, steps at the same time would grow x^2 + y^2 by 1 + r^2 each, 2e4 times over these rounds.
    [Fact]
    public void The_second_player_answers_the_move_of_the_first()
    {
        const double rate = 0.1;
        using var game = new Game(1, 0.5);
        var trainer = new AlternatingTrainer(game.First(1, rate, (x, y) => (x * y).sum()), game.Second(1, rate, (x, y) => (x * y).neg().sum()));
        double Kept() => game.X * game.X + game.Y * game.Y - rate * game.X * game.Y;
        double before = Kept();
        trainer.Run(1000);
        // A thousand roundings of numbers of size one.
        Assert.InRange(Kept() - before, -1e-12, 1e-12);
    }

    [Fact]
    public void The_side_that_waits_takes_no_gradient_and_keeps_its_setting()
    {
        using var game = new Game(1, 2);
        var frozen = new Parameter(ones(1, dtype: ScalarType.Float64), requires_grad: false);
        using var second = optim.SGD([game.ParameterY, frozen], 0.1, momentum: 0.9);
        var seen = new List<(bool X, bool Y)>();
        Tensor Loss(Tensor factor)
        {
            seen.Add((game.ParameterX.requires_grad, game.ParameterY.requires_grad));
            return (game.ParameterX * game.ParameterY * factor).sum();
        }

        var trainer = new AlternatingTrainer(game.First(1, 0.1, (_, _) => Loss(frozen)), new("second", second, step => step == 0 ? Loss(frozen) : throw new IOException("stop")));
        trainer.Run(1);
        Assert.Equal([(true, false), (false, true)], seen);
        Assert.True(game.ParameterX.requires_grad && game.ParameterY.requires_grad && !frozen.requires_grad);
        // x was 1, its gradient y = 2; then y took the gradient of x alone, once.
        Assert.Equal(0.8, game.X, 1e-12);
        Assert.Equal(0.8, game.ParameterY.grad!.item<double>(), 1e-12);
        Assert.Throws<IOException>(() => trainer.Run(1));
        Assert.True(game.ParameterX.requires_grad && game.ParameterY.requires_grad && !frozen.requires_grad);
        frozen.Dispose();
    }

    // Two kinds of samples with targets -1 and +1, two constant experts, a logit per kind and expert: the only optimum has an expert per kind.
    [Fact]
    public void A_router_and_its_experts_part_the_samples()
    {
        using var experts = new Parameter(tensor(new[] { -0.1, 0.1 }));
        using var router = new Parameter(zeros(2, 2, dtype: ScalarType.Float64));
        using var targets = tensor(new double[,] { { -1 }, { 1 } });
        using var ofExperts = optim.SGD([experts], 0.2);
        using var ofRouter = optim.SGD([router], 1);
        Tensor Loss(long step) => (router.softmax(1) * (targets - experts).square()).sum();
        new AlternatingTrainer(new("experts", ofExperts, Loss, 2), new("router", ofRouter, Loss)).Run(2000);
        using var shares = router.softmax(1);
        Assert.Equal([-1, 1], experts.data<double>().ToArray().Select(static v => Math.Round(v, 1)));
        Assert.True(shares[0, 0].item<double>() > 0.99 && shares[1, 1].item<double>() > 0.99);
    }

    [Fact]
    public void It_reports_every_round_and_stops_between_steps()
    {
        using var game = new Game(1, 1);
        using var source = new CancellationTokenSource();
        var heard = new List<AlternatingProgress>();
        var first = game.First(2, 0.5, (x, _) => x.square().sum());
        var trainer = new AlternatingTrainer(first, game.Second(3, 0.5, (_, y) => (y * y * 2).sum()));
        trainer.Run(2, new Heard(heard.Add));
        Assert.Equal([(1, 2), (2, 2)], heard.Select(static p => (p.Round, p.Rounds)));
        // A rate of 1/2 solves the first player's square in one step; the second's overshoots: 1, -1, 1, -1.
        Assert.Equal([(0, 2), (0, 2)], heard.Select(static p => (p.FirstLoss, p.SecondLoss)));
        heard.Clear();
        Assert.Throws<OperationCanceledException>(() => trainer.Run(100, new Heard(p =>
        {
            heard.Add(p);
            if (p.Round == 3) source.Cancel();
        }), source.Token));
        Assert.Equal(3, heard.Count);
        Assert.Equal((10, 15), (trainer.FirstSteps, trainer.SecondSteps));
        Assert.True(game.ParameterX.requires_grad && game.ParameterY.requires_grad);
        trainer.Run(1);
        Assert.Equal((12, 18), (trainer.FirstSteps, trainer.SecondSteps));
    }

    [Fact]
    public void A_schedule_follows_the_steps_of_its_player()
    {
        using var game = new Game(0, 0);
        var first = game.First(2, 1, (x, _) => x.sum());
        first = first with { Schedule = optim.lr_scheduler.StepLR(first.Optimizer, 1, 0.5) };
        new AlternatingTrainer(first, game.Second(1, 1, (_, y) => y.sum())).Run(2);
        Assert.Equal(-(1 + 0.5 + 0.25 + 0.125), game.X, 1e-12);
        Assert.Equal(-2, game.Y, 1e-12);
    }

    [Fact]
    public void Bad_players_are_refused()
    {
        using var game = new Game(1, 1);
        var first = game.First(0, 0.1, (x, _) => x.sum());
        var problem = Assert.Throws<ArgumentException>(() => new AlternatingTrainer(first, first with { Name = "other", Steps = -1 }));
        foreach (string part in new[] { "first.Steps = 0", "second.Steps = -1", "share 1 parameters" }) Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        var second = game.Second(1, 0.1, (_, y) => y.sum());
        Assert.Contains("\"first\" has shape", Assert.Throws<InvalidOperationException>(() => new AlternatingTrainer(game.First(1, 0.1, (x, _) => x.expand(2)), second).Run(1)).Message, StringComparison.Ordinal);
        Assert.Contains("depends on none", Assert.Throws<InvalidOperationException>(() => new AlternatingTrainer(game.First(1, 0.1, (_, y) => y.sum()), second).Run(1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new AlternatingTrainer(game.First(1, 0.1, (x, _) => x.sum()), second).Run(-1));
    }

    [Fact]
    public void Rounds_leave_nothing_behind()
    {
        using var game = new Game(1, 1);
        var trainer = new AlternatingTrainer(game.First(2, 0.1, (x, y) => (x * y).sum()), game.Second(1, 0.1, (x, y) => (x - y).square().sum()));
        trainer.Run(2, new Heard(static _ => { }));
        long before = LiveTensors.Count();
        trainer.Run(20, new Heard(static _ => { }));
        Assert.Equal(before, LiveTensors.Count());
    }

    private sealed class Heard(Action<AlternatingProgress> hear) : IProgress<AlternatingProgress>
    {
        public void Report(AlternatingProgress value) => hear(value);
    }

    // Two numbers, each moved by one player.
    private sealed class Game(double x, double y) : IDisposable
    {
        private readonly List<IDisposable> _owned = [];

        public Parameter ParameterX { get; } = new(tensor(new[] { x }));

        public Parameter ParameterY { get; } = new(tensor(new[] { y }));

        public double X => ParameterX.data<double>()[0];

        public double Y => ParameterY.data<double>()[0];

        public AlternatingPlayer First(int steps, double rate, Func<Tensor, Tensor, Tensor> loss) => Player("first", ParameterX, steps, rate, loss);

        public AlternatingPlayer Second(int steps, double rate, Func<Tensor, Tensor, Tensor> loss) => Player("second", ParameterY, steps, rate, loss);

        private AlternatingPlayer Player(string name, Parameter of, int steps, double rate, Func<Tensor, Tensor, Tensor> loss)
        {
            var optimizer = optim.SGD([of], rate);
            _owned.Add(optimizer);
            return new(name, optimizer, _ => loss(ParameterX, ParameterY), steps);
        }

        public void Dispose()
        {
            foreach (var owned in _owned) owned.Dispose();
            ParameterX.Dispose();
            ParameterY.Dispose();
        }
    }
}
