namespace MoE.Samples.Data;

/// <summary>A data set of the samples: what it is, whose it is, and how to get it.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Title">What it holds.</param>
/// <param name="Licence">The terms.</param>
/// <param name="Citation">What to cite.</param>
/// <param name="Kind">How it comes into the data folder.</param>
/// <param name="Files">What its folder holds; samples read nothing else.</param>
/// <param name="Origin">Where it is from; of a prepared set, how it was converted.</param>
public sealed record DataSet(string Name, string Title, string Licence, string Citation, DataKind Kind, IReadOnlyList<DataFile> Files, string Origin)
{
    /// <summary>Opens the only file of a set that is built in; null elsewhere.</summary>
    public Func<Stream>? Open { get; init; }

    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(static f => f.Bytes);
}
