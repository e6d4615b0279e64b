using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Customization;

/// <summary>Who is a user, who teaches the global expert, and whose hands test it: no writer is two of these.</summary>
/// <param name="Users">Candidates; none of their characters is generic.</param>
/// <param name="Training">Rows of generic writers for training.</param>
/// <param name="Testing">Rows of other generic writers for testing.</param>
public sealed record WriterSplit(int[] Users, long[] Training, long[] Testing)
{
    /// <summary>Draws one.</summary>
    /// <param name="characters">The characters.</param>
    /// <param name="users">Users to set aside.</param>
    /// <param name="testWriters">Generic writers to set aside.</param>
    /// <param name="mostTraining">Rows to train on at most.</param>
    /// <param name="mostTesting">Rows to test on at most.</param>
    /// <param name="seed">Draws.</param>
    public static WriterSplit Draw(Characters characters, int users, int testWriters, int mostTraining, int mostTesting, long seed)
    {
        var draws = new Draws(seed, 1);
        int[] candidates = [.. characters.Users];
        draws.Shuffle<int>(candidates);
        int[] chosen = candidates[..Math.Min(users, candidates.Length)];
        int[] others = [.. characters.Writers.Distinct().Order().Except(chosen)];
        draws.Shuffle<int>(others);
        var testers = others[..Math.Min(testWriters, others.Length / 2)].ToHashSet();
        var teachers = others.ToHashSet();
        teachers.ExceptWith(testers);
        return new(chosen, Rows(characters, teachers, mostTraining, draws), Rows(characters, testers, mostTesting, draws));
    }

    /// <summary>Halves a user's characters, every class apart: one half to learn from, the other to test.</summary>
    public static (long[] Training, long[] Testing) Halves(Characters characters, int user, long seed)
    {
        var draws = new Draws(seed, 2, user);
        List<long> training = [], testing = [];
        foreach (var group in Enumerable.Range(0, characters.Count).Where(i => characters.Writers[i] == user).GroupBy(i => characters.Labels[i]).OrderBy(static g => g.Key))
        {
            long[] rows = [.. group.Select(static i => (long)i)];
            draws.Shuffle<long>(rows);
            // Of an odd number, chance decides which half gets the last.
            int half = (rows.Length + draws.Below(2)) / 2;
            training.AddRange(rows[..half]);
            testing.AddRange(rows[half..]);
        }

        return ([.. training], [.. testing]);
    }

    private static long[] Rows(Characters characters, HashSet<int> writers, int most, Draws draws)
    {
        long[] rows = [.. Enumerable.Range(0, characters.Count).Where(i => writers.Contains(characters.Writers[i])).Select(static i => (long)i)];
        draws.Shuffle<long>(rows);
        return rows[..Math.Min(most, rows.Length)];
    }
}
