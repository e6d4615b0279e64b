using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>The parts of an answer in training, under the same names for every contender.</summary>
internal static class TrainAnswer
{
    public static Answer Of(Tensor y, float[] x, float[] router, float[] gate, float[] up, float[] down) => new(
        new AnswerPart("y", y.ToSingles()),
        new AnswerPart("gradient of x", x),
        new AnswerPart("gradient of router", router),
        new AnswerPart("gradient of gate", gate),
        new AnswerPart("gradient of up", up),
        new AnswerPart("gradient of down", down));
}
