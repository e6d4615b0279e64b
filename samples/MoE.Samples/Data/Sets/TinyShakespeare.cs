namespace MoE.Samples.Data.Sets;

/// <summary>Tiny Shakespeare: plays as one text.</summary>
public static class TinyShakespeare
{
    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "tinyshakespeare",
        "40,000 lines of plays of Shakespeare, one text",
        "text in the public domain; repository MIT",
        "A. Karpathy (2015): The Unreasonable Effectiveness of Recurrent Neural Networks",
        DataKind.Original,
        [
            new("input.txt", 1115394, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", new Uri("https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt")),
        ],
        "github.com/karpathy/char-rnn (commit 6f9487a), data/tinyshakespeare/input.txt");
}
