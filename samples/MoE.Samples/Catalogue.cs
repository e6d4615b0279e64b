using MoE.Samples.Extending;
using MoE.Samples.Frame;
using MoE.Samples.Papers.AdvMoe;
using MoE.Samples.Papers.Armorm;
using MoE.Samples.Papers.AwMoe;
using MoE.Samples.Papers.Customization;
using MoE.Samples.Papers.Dagnn;
using MoE.Samples.Papers.Ept;
using MoE.Samples.Papers.Hmode;
using MoE.Samples.Papers.Hopfield;
using MoE.Samples.Papers.Mmoe;
using MoE.Samples.Papers.Pigeon;
using MoE.Samples.Papers.Quickstart;
using MoE.Samples.Papers.RobustQa;
using MoE.Samples.Papers.Snn;
using MoE.Samples.Papers.SteloCoder;
using MoE.Samples.Papers.TaskExpert;
using MoE.Samples.Papers.Temperature;
using MoE.Samples.Papers.TopKGaussian;
using MoE.Samples.Papers.XLora;

namespace MoE.Samples;

/// <summary>All samples, in the order of lists and of <c>run all</c>.</summary>
public static class Catalogue
{
    /// <summary>The samples.</summary>
    public static IReadOnlyList<Reproduction> All { get; } =
    [
        new QuickstartSample(),
        new TopKGaussianSample(),
        new TemperatureSample(),
        new CustomizationSample(),
        new MmoeSample(),
        new RobustQaSample(),
        new ArmormSample(),
        new SteloCoderSample(),
        new XLoraSample(),
        new DagnnSample(),
        new PigeonSample(),
        new HopfieldSample(),
        new TaskExpertSample(),
        new AwMoeSample(),
        new AdvMoeSample(),
        new HmodeSample(),
        new EptSample(),
        new SnnSample(),
        OwnGate.Sample,
        OwnExpert.Sample,
        OwnModel.Sample,
    ];
}
