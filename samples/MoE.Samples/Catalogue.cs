using MoE.Samples.Extending;
using MoE.Samples.Frame;
using MoE.Samples.Papers.Armorm;
using MoE.Samples.Papers.Dagnn;
using MoE.Samples.Papers.Hopfield;
using MoE.Samples.Papers.Pigeon;
using MoE.Samples.Papers.Quickstart;
using MoE.Samples.Papers.RobustQa;
using MoE.Samples.Papers.TopKGaussian;

namespace MoE.Samples;

/// <summary>All samples, in the order of lists and of <c>run all</c>.</summary>
public static class Catalogue
{
    /// <summary>The samples.</summary>
    public static IReadOnlyList<Reproduction> All { get; } =
    [
        new QuickstartSample(),
        new TopKGaussianSample(),
        new RobustQaSample(),
        new ArmormSample(),
        new DagnnSample(),
        new HopfieldSample(),
        new PigeonSample(),
        OwnGate.Sample,
        OwnExpert.Sample,
        OwnModel.Sample,
    ];
}
