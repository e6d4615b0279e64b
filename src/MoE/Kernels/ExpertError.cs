namespace MoE;

/// <summary>What packing did to the weights of an expert.</summary>
/// <param name="Relative">Euclidean norm of the differences over that of the weights, all matrices together; 0 for weights that are all zero.</param>
/// <param name="WorstRow">The largest such ratio of one row (output) of a matrix.</param>
public readonly record struct ExpertError(double Relative, double WorstRow);
