namespace MoE.Diagnostics;

/// <summary>One expert of a token.</summary>
internal readonly record struct TokenExpert(int Expert, float Weight, bool Kept);
