using MoE.Torch;

/// <summary>Something of MoE.Torch, so that the library really needs it.</summary>
public static class Experts
{
    public static string Layer => typeof(MoELayer).Name;
}
