namespace MoE.Samples.Data;

/// <summary>How a data set comes into the data folder.</summary>
public enum DataKind
{
    /// <summary>Part of the program.</summary>
    BuiltIn,

    /// <summary>As its owner published it: fetched from an address and held against a hash.</summary>
    Original,

    /// <summary>Converted from something published: the folder has to be given, nothing is fetched.</summary>
    Prepared,
}
