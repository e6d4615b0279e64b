namespace MoE.Samples.Data;

/// <summary>A data set of the samples: what it is, whose it is, and how to get it.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Title">What it holds.</param>
/// <param name="Licence">The terms.</param>
/// <param name="Citation">What to cite.</param>
/// <param name="File">The file's name.</param>
/// <param name="Sha256">The file's hash.</param>
/// <param name="Open">Opens the copy that is built in.</param>
public sealed record DataSet(string Name, string Title, string Licence, string Citation, string File, string Sha256, Func<Stream> Open);
