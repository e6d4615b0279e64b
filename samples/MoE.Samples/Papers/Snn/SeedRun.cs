using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Snn;

/// <summary>All of one seed. Accuracies are in percent of test places.</summary>
public sealed class SeedRun
{
    /// <summary>All modules together.</summary>
    public required Ensemble.Outcome Whole { get; init; }

    /// <summary>The first 1, 2, ... modules on their places; the first entry is the mean over modules alone.</summary>
    public required IReadOnlyList<Ensemble.Outcome> Growing { get; init; }

    /// <summary>Mean accuracy of a module alone whose weights stayed random.</summary>
    public required double Untrained { get; init; }

    /// <summary>Accuracy of one network for the places of the first modules, with as many neurons as they have together.</summary>
    public required double Monolith { get; init; }

    /// <summary>Accuracy of these modules, without hyperactive neurons.</summary>
    public required double Rivals { get; init; }

    /// <summary>Processor time to train the one network, over that of the modules.</summary>
    public required double MonolithTime { get; init; }

    /// <summary>Answers that differ when the first module is trained again alone instead of beside others.</summary>
    public required int ChangedSpikes { get; init; }

    /// <summary>Largest difference of the sum of a neuron's weights from 78, just after it was made so.</summary>
    public required double ColumnError { get; init; }

    /// <summary>Milliseconds of processor time per image shown.</summary>
    public required double ImageTime { get; init; }

    /// <summary>In how many reference images each neuron fired.</summary>
    public required int[] Activity { get; init; }

    /// <summary>Trains and measures.</summary>
    public static SeedRun Of(FashionMnist images, SnnSample.Recipe recipe, bool learns, bool removes, long seed, Action<double> progress)
    {
        int places = recipe.Modules * recipe.Places;
        int[] order = [.. Enumerable.Range(0, images.Count)];
        new Draws(seed, 64).Shuffle<int>(order);
        float[][] Drive(Traverse traverse, int number) => [.. Enumerable.Range(0, places).Select(p => traverse.Rates(images, order[p], new Draws(seed, 65, number, p)))];
        float[][] spring = Drive(Traverse.Spring, 0), fall = Drive(Traverse.Fall, 1), summer = Drive(Traverse.Summer, 2);
        float[][] references = [.. spring, .. fall];

        // One image is one step of the progress; modules run side by side, so the steps are counted together.
        int train = 2 * recipe.Places * recipe.Epochs, shown = references.Length + places, single = recipe.Rivals * train;
        long total = (long)recipe.Modules * (train + shown) + recipe.Rivals * recipe.Places * 5 + train + single * recipe.Rivals, done = 0;
        var gate = new Lock();
        void Stop(int weight)
        {
            lock (gate) progress(Math.Min(1, (done += weight) / (double)total));
        }

        float[][] Part(float[][] of, int module) => of[(module * recipe.Places)..((module + 1) * recipe.Places)];
        PlaceModule Train(int m, bool plastic, int epochs) => PlaceModule.Train([Part(spring, m), Part(fall, m)], recipe.Neurons, epochs, plastic, seed, m, () => Stop(1));

        var modules = new PlaceModule[recipe.Modules];
        float[][] recorded = new float[recipe.Modules][], answered = new float[recipe.Modules][];
        var before = Environment.CpuUsage.TotalTime;
        InParallel(recipe.Modules, m =>
        {
            modules[m] = Train(m, learns, recipe.Epochs);
            recorded[m] = modules[m].Responses(references, new Draws(seed, 66, m), () => Stop(1));
            answered[m] = modules[m].Responses(summer, new Draws(seed, 67, m), () => Stop(1));
        });
        double imageTime = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / (recipe.Modules * (double)(train + shown));
        var ensemble = new Ensemble(modules, recorded, answered);
        Ensemble.Outcome[] alone = [.. Enumerable.Range(0, recipe.Modules).Select(m => ensemble.Of(1, m, removes, seed))];
        var one = new Ensemble.Outcome(alone.Average(static o => o.Plain), alone.Average(static o => o.Removed), alone.Average(static o => o.RandomRemoved), alone.Average(static o => o.Standardized), 0, alone.Average(static o => o.Off));
        Ensemble.Outcome[] growing = [one, .. Enumerable.Range(2, recipe.Modules - 1).Select(m => ensemble.Of(m, 0, removes, seed))];

        // The same module again, with nothing beside it.
        before = Environment.CpuUsage.TotalTime;
        var again = Train(0, learns, recipe.Epochs);
        double small = (Environment.CpuUsage.TotalTime - before).TotalSeconds * recipe.Rivals;
        float[] first = answered[0], second = again.Responses(summer, ReplayedAfter(again, references, seed), static () => { });
        int changed = first.Zip(second).Count(static p => p.First != p.Second);
        again.Network.Normalize();
        double column = Enumerable.Range(0, recipe.Neurons).Max(n => Math.Abs(Enumerable.Range(0, FashionMnist.Size).Sum(i => (double)again.Network.Weight(i, n)) - SpikingNetwork.ColumnSum));

        // Untrained: random weights, the neurons named by their answers all the same.
        double untrained = Enumerable.Range(0, recipe.Rivals).Average(m =>
        {
            var random = Train(m, plastic: false, epochs: 1);
            var own = new Ensemble([random], [random.Responses([.. Part(spring, m), .. Part(fall, m)], new Draws(seed, 66, m), () => Stop(1))], [random.Responses(Part(summer, m), new Draws(seed, 67, m), () => Stop(1))]);
            return own.Of(1, 0, removes: false, seed).Plain;
        });

        // One network for the places of the first modules; its time is that of one thread, like that above.
        before = Environment.CpuUsage.TotalTime;
        int all = recipe.Rivals * recipe.Places;
        var monolith = PlaceModule.Train([spring[..all], fall[..all]], recipe.Rivals * recipe.Neurons, recipe.Epochs, learns, seed, 1000, () => Stop(recipe.Rivals));
        double large = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        var lone = new Ensemble([monolith], [monolith.Responses([.. spring[..all], .. fall[..all]], new Draws(seed, 66, 1000), static () => { })], [monolith.Responses(summer[..all], new Draws(seed, 67, 1000), static () => { })]);

        return new()
        {
            Whole = growing[^1],
            Growing = growing,
            Untrained = untrained,
            Monolith = lone.Of(1, 0, removes, seed).Removed,
            Rivals = growing[recipe.Rivals - 1].Removed,
            MonolithTime = large / Math.Max(1e-9, small),
            ChangedSpikes = changed,
            ColumnError = column,
            ImageTime = imageTime,
            Activity = [.. ensemble.Activity()],
        };
    }

    // The state of a network goes on from image to image: what was shown before the queries is shown again.
    private static Draws ReplayedAfter(PlaceModule module, float[][] references, long seed)
    {
        module.Responses(references, new Draws(seed, 66, 0), static () => { });
        return new Draws(seed, 67, 0);
    }

    private static void InParallel(int count, Action<int> body)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, body);
        }
        catch (AggregateException e) when (e.InnerExceptions.FirstOrDefault(static i => i is OperationCanceledException) is { } stopped)
        {
            throw new OperationCanceledException(stopped.Message, stopped, ((OperationCanceledException)stopped).CancellationToken);
        }
    }
}
