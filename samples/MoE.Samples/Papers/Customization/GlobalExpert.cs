using MoE.Samples.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Customization;

/// <summary>The trained and frozen global expert with what it reads of the generic characters.</summary>
public sealed class GlobalExpert : IDisposable
{
    private readonly Characters _characters;
    private readonly LeNet _net;
    private readonly DisposeScope _scope;
    private readonly byte[] _bytes;

    private GlobalExpert(Characters characters, WriterSplit split, LeNet net, DisposeScope scope)
    {
        (_characters, _net, _scope, Split) = (characters, net, scope, split);
        _bytes = Bytes(net);
        Testing = ReadAll(split.Testing);
        Kept = ReadAll(split.Training[..Math.Min(Recipe.Kept, split.Training.Length)]);
    }

    /// <summary>Who is who.</summary>
    public WriterSplit Split { get; }

    /// <summary>Generic characters of writers who test.</summary>
    public PersonalModel.Read Testing { get; }

    /// <summary>Generic characters that a device keeps.</summary>
    public PersonalModel.Read Kept { get; }

    /// <summary>Bytes of its weights that are other than when it was frozen.</summary>
    public int Changed => Bytes(_net).Zip(_bytes).Count(static p => p.First != p.Second);

    /// <summary>Trains one on generic writers.</summary>
    public static GlobalExpert Train(Characters characters, Recipe recipe, long seed, Action<double> progress)
    {
        manual_seed(seed);
        var split = WriterSplit.Draw(characters, recipe.SetAside, recipe.TestWriters, recipe.MostTraining, recipe.MostTesting, seed);
        var scope = NewDisposeScope();
        try
        {
            var net = new LeNet(characters.Classes);
            using (var training = NewDisposeScope()) net.Train(Images(characters, split.Training), Labels(characters, split.Training), recipe.Epochs, Recipe.GlobalRate, Recipe.GlobalBatch, progress);
            net.eval();
            return new GlobalExpert(characters, split, net, scope);
        }
        catch
        {
            scope.Dispose();
            throw;
        }
    }

    /// <summary>Customizes it for a user.</summary>
    /// <param name="user">The writer.</param>
    /// <param name="seed">Draws halves, weights and orders.</param>
    /// <param name="ablated">The mechanism that is off, or null: <c>local-expert</c> or <c>gate</c>.</param>
    /// <returns>Accuracies, and the parameters of local expert and gate.</returns>
    public (UserRun Run, long Parameters) Customize(int user, long seed, string? ablated)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed * 1000 + user);
        var (training, testing) = WriterSplit.Halves(_characters, user, seed);
        PersonalModel.Read own = ReadAll(training), held = ReadAll(testing);
        using var personal = new PersonalModel(_characters.Classes);
        personal.Train(own, Kept, learnsExpert: ablated != "local-expert");

        (bool[] User, bool[] Generic) global = (held.Right(), Testing.Right()), local = (personal.LocalRight(held), personal.LocalRight(Testing));
        (bool[] User, bool[] Generic) gate = (personal.Local(held), personal.Local(Testing));
        if (ablated == "gate") gate = ([.. gate.User.Select(static _ => true)], [.. gate.Generic.Select(static _ => true)]);
        bool[] shuffled = [.. gate.User, .. gate.Generic];
        new Draws(seed, 3, user).Shuffle<bool>(shuffled);

        Accuracy Mix((bool[] User, bool[] Generic) by) => Accuracy.Of(Choose(by.User, global.User, local.User), Choose(by.Generic, global.Generic, local.Generic));
        bool[] Either(bool[] a, bool[] b) => [.. a.Zip(b, static (x, y) => x || y)];
        var run = new UserRun(
            Accuracy.Of(global.User, global.Generic), Mix(gate), Accuracy.Of(local.User, local.Generic), Accuracy.Of(Either(global.User, local.User), Either(global.Generic, local.Generic)),
            FineTuned(training, testing), Mix((shuffled[..gate.User.Length], shuffled[gate.User.Length..])), Accuracy.Of(gate.User, gate.Generic));
        return (run, personal.Parameters);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _net.Dispose();
        _scope.Dispose();
    }

    private Accuracy FineTuned(long[] training, long[] testing)
    {
        const int Epochs = 10, Batch = 32;
        const double Rate = 1e-3;
        using var scope = NewDisposeScope();
        using var net = _net.Copy(_characters.Classes);
        net.Train(Images(_characters, training), Labels(_characters, training), Epochs, Rate, Batch, static _ => { });
        net.eval();
        return Accuracy.Of(ReadAll(testing, net).Right(), ReadAll(Split.Testing, net).Right());
    }

    private static bool[] Choose(bool[] local, bool[] ifGlobal, bool[] ifLocal) => [.. local.Select((l, i) => l ? ifLocal[i] : ifGlobal[i])];

    private PersonalModel.Read ReadAll(long[] rows, LeNet? by = null)
    {
        const int Batch = 2000;
        var net = by ?? _net;
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var features = cat([.. rows.Chunk(Batch).Select(part => net.features(Images(_characters, part)))]);
        return new(features.MoveToOuterDisposeScope(), net.classify(features).MoveToOuterDisposeScope(), Labels(_characters, rows).MoveToOuterDisposeScope());
    }

    private static Tensor Images(Characters characters, long[] rows)
    {
        float[] pixels = new float[rows.Length * Characters.Size];
        for (int i = 0; i < rows.Length; i++) characters.Pixels.AsSpan((int)rows[i] * Characters.Size, Characters.Size).CopyTo(pixels.AsSpan(i * Characters.Size));
        return tensor(pixels, rows.Length, Characters.Size);
    }

    private static Tensor Labels(Characters characters, long[] rows) => tensor(rows.Select(r => characters.Labels[r]).ToArray());

    private static byte[] Bytes(LeNet net)
    {
        using var scope = NewDisposeScope();
        return [.. net.parameters().SelectMany(static p => p.detach().contiguous().bytes.ToArray())];
    }
}
