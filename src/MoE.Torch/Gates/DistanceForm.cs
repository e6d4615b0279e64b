namespace MoE.Torch;

/// <summary>How a distance becomes a logit.</summary>
public enum DistanceForm
{
    /// <summary>l = -|x - c|: the Laplace gate of FuseMoE (Han et al. 2024, arXiv 2402.03226).</summary>
    Laplace,

    /// <summary>l = -|x - c|^2: the Gaussian gate of the same.</summary>
    Gaussian,

    /// <summary>
    /// l = ln a - D ln s - |x - c|^2 / (2 s^2), with a width s and a prior a per expert: a softmax of it is the posterior of a mixture of Gaussians, the localised gate of Xu, Jordan and Hinton (1994, "An alternative model for
    /// mixtures of experts").
    /// </summary>
    Localised,
}
