namespace MoE.Samples.Data;

/// <summary>A file of a data set.</summary>
/// <param name="Name">Its name in the folder of the data set.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash, in lower-case hexadecimal digits.</param>
/// <param name="Address">Where it is fetched from; null: it is not.</param>
public sealed record DataFile(string Name, long Bytes, string Sha256, Uri? Address = null);
