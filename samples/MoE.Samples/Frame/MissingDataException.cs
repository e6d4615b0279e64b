namespace MoE.Samples.Frame;

/// <summary>A data set that cannot be embedded was not found.</summary>
/// <param name="message">Which one, and how to get it.</param>
public sealed class MissingDataException(string message) : Exception(message);
