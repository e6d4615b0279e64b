using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Checks of shapes and types at public boundaries. None of them reads tensor data.</summary>
internal static class TensorGuard
{
    /// <summary>A [*, columns] matrix of a floating type.</summary>
    public static void Matrix(Tensor tensor, long columns, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (tensor.dim() != 2 || tensor.shape[1] != columns)
            throw new ArgumentException($"{name} has shape {Shape(tensor)}; must be [T, {columns}]", name);
        Floating(tensor, name);
    }

    /// <summary>Any leading dimensions in front of <paramref name="width"/>.</summary>
    public static void LastDimension(Tensor tensor, long width, string name)
    {
        if (tensor.dim() < 1 || tensor.shape[^1] != width) throw new ArgumentException($"{name} has shape {Shape(tensor)}; must be [..., {width}]", name);
    }

    /// <summary>What a scorer sees: the selector, or the tokens where there is none; [T, columns] of the parameters' type.</summary>
    public static Tensor Seen(Tensor tokens, GateContext context, long columns, Tensor parameter)
    {
        ArgumentNullException.ThrowIfNull(context);
        var x_TD = context.Selector ?? tokens;
        Matrix(x_TD, columns, nameof(tokens));
        SameType(x_TD, parameter, nameof(tokens));
        return x_TD;
    }

    public static void Floating(Tensor tensor, string name)
    {
        if (tensor.dtype is not (ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16 or ScalarType.Float16))
            throw new ArgumentException($"{name} has type {tensor.dtype}; must be a floating type", name);
    }

    public static void SameType(Tensor tensor, Tensor parameter, string name)
    {
        if (tensor.dtype != parameter.dtype)
            throw new ArgumentException($"{name} has type {tensor.dtype}; must be {parameter.dtype}, the type of the parameters", name);
    }

    public static void Vector(Tensor? tensor, long length, ScalarType type, string name)
    {
        if (tensor is null) return;
        if (tensor.dim() != 1 || tensor.shape[0] != length)
            throw new ArgumentException($"{name} has shape {Shape(tensor)}; must be [{length}]", name);
        if (tensor.dtype != type)
            throw new ArgumentException($"{name} has type {tensor.dtype}; must be {type}", name);
    }

    public static string Shape(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]";
}
