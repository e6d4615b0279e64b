using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Rows with adapters of their own on the managed kernels.</summary>
internal static class GroupedRowsOf
{
    /// <summary>The output plus the updates, or null where the kernels do not serve.</summary>
    /// <param name="lora">The adapters.</param>
    /// <param name="input">[B, .., in].</param>
    /// <param name="output">[B, .., out].</param>
    /// <param name="adapters">[B].</param>
    public static Tensor? Run(GroupedLora lora, Tensor input, Tensor output, Tensor adapters)
    {
        if (is_grad_enabled() || !TensorMemory.Is(input) || !TensorMemory.Is(output) || input.numel() == 0) return null;
        using var scope = NewDisposeScope();
        long[] numbers = HostReads.Int64(adapters);
        long each = input.numel() / input.shape[^1] / input.shape[0];
        var rows = new int[checked((int)(numbers.Length * each))];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] < -1 || numbers[i] >= lora.Count) throw new ArgumentException($"adapters[{i}] = {numbers[i]}; must be in -1..{lora.Count - 1}", nameof(adapters));
            rows.AsSpan((int)(i * each), (int)each).Fill((int)numbers[i]);
        }

        var x = input.contiguous();
        var y = output.contiguous().clone();
        using (var rented = Workspaces.Rent())
            lora.Add(TensorMemory.Of(x), rows, TensorMemory.Of(y), rented.Workspace);

        return y.MoveToOuterDisposeScope();
    }
}
