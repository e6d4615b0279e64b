using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE.Tests.Kernels;

/// <summary>The kernels with instruction sets switched off, in processes that first say what they have.</summary>
public sealed class InstructionSetTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512", KernelPath.Vector256)]
    [InlineData("DOTNET_EnableAVX2", KernelPath.Vector128)]
    [InlineData("DOTNET_EnableHWIntrinsic", KernelPath.Scalar)]
    public async Task Kernels_agree_without(string instructions, KernelPath path)
    {
        // Switches of x64; on a processor without AVX2 the paths above 128 bits are not there to be switched off.
        if (!Avx2.IsSupported) return;
        string dotnet = Environment.ProcessPath is { } process && Path.GetFileNameWithoutExtension(process) == "dotnet" ? process : "dotnet";
        var start = new ProcessStartInfo(dotnet, ["exec", typeof(InstructionSetTests).Assembly.Location, "kernels", path.ToString()]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[instructions] = "0";
        using var child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(), error = child.StandardError.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.True(child.ExitCode == 0, $"exit {child.ExitCode}\n{await output}\n{await error}");
        Assert.Contains("all agree", await output);
    }
}

/// <summary>MOE_STRICT in processes of its own.</summary>
public sealed class StrictModeTests
{
    [Theory, InlineData("1", 4), InlineData("0", 0), InlineData(null, 0)]
    public async Task A_router_without_a_kernel_is_refused_in_strict_mode_only(string? strict, int exit)
    {
        string dotnet = Environment.ProcessPath is { } process && Path.GetFileNameWithoutExtension(process) == "dotnet" ? process : "dotnet";
        var start = new ProcessStartInfo(dotnet, ["exec", typeof(StrictModeTests).Assembly.Location, "strict"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MOE_STRICT"] = strict;
        using var child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(), error = child.StandardError.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.True(child.ExitCode == exit, $"exit {child.ExitCode}\n{await output}\n{await error}");
    }
}

/// <summary>The test assembly as a program.</summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        if (arguments is ["strict"]) return Strict();
        if (arguments is not ["kernels", var name] || !Enum.TryParse(name, out KernelPath path)) return 2;
        bool state = path switch
        {
            KernelPath.Vector256 => !Vector512.IsHardwareAccelerated && Vector256.IsHardwareAccelerated && Avx2.IsSupported,
            KernelPath.Vector128 => !Vector512.IsHardwareAccelerated && !Avx2.IsSupported && Vector128.IsHardwareAccelerated,
            _ => !Vector128.IsHardwareAccelerated && !Sse.IsSupported,
        };
        Console.WriteLine($"Vector512 {Vector512.IsHardwareAccelerated}, Vector256 {Vector256.IsHardwareAccelerated}, Vector128 {Vector128.IsHardwareAccelerated}, AVX2 {Avx2.IsSupported}; path {MoEFeedForward.DefaultPath}");
        if (!state || MoEFeedForward.DefaultPath != path) return 3;
        var layers = new MoEFeedForwardTests();
        layers.Every_row_count_of_a_block_agrees(path);
        layers.Every_form_agrees(path);
        layers.Dropped_tokens_empty_experts_and_one_busy_expert_agree();
        layers.Slices_of_a_batch_have_the_bits_of_the_whole(33);
        layers.Threads_change_no_bit(3);
        layers.Nothing_is_written_beside_the_output_and_spans_need_no_alignment();
        layers.The_engine_is_the_reference();
        var products = new GroupedGemmTests();
        products.Every_shape_agrees();
        products.Segments_longer_than_a_chunk_agree();
        new ExpertTrainingTests().Gradients_are_slopes();
        var quantized = new QuantizedFeedForwardTests();
        foreach (int precision in new[] { 0, 2, 6, 7, 8 }) quantized.It_is_the_layer_of_the_weights_that_are_held(precision);
        quantized.Threads_and_slices_change_no_bit(5);

        new PackedMatrixTests().Integer_products_are_exact(WeightFormat.Int4PerBlock);
        new PackedMatrixTests().Integer_products_are_exact(WeightFormat.Int4PerBlockAsymmetric);
        new PackedMatrixTests().Zero_points_are_each_blocks_own();
        using (var files = new PackedFileTests())
        {
            foreach (int precision in new[] { 0, 1, 8 }) files.A_mapped_layer_has_the_bits_of_the_packed_one(precision);
            files.The_layout_of_the_file_is_the_kernels();
        }

        var routers = new RouterKernelTests();
        routers.Sizes_of_models_are_the_reference(8, 2);
        routers.Sizes_of_models_are_the_reference(64, 8);
        routers.Sizes_of_models_are_the_reference(33, 31);
        routers.What_the_reference_refuses_is_refused(float.NaN);
        var activations = new EpiloguesTests();
        foreach (var activation in Enum.GetValues<Activation>()) activations.Activations_are_right(activation);
        activations.Exponentials_of_the_ends(float.NaN, float.NaN);
        activations.Exponentials_of_the_ends(1e30f, float.PositiveInfinity);
        Console.WriteLine("all agree");
        return 0;
    }

    // 4 where the router without a kernel was refused; the one with a kernel must run in any case.
    private static int Strict()
    {
        var buffer = new RoutingBuffer();
        RouterKernel.Route([1, 2, 3, 4], RouterProfiles.Mixtral(4), [], buffer);
        try
        {
            RouterKernel.Route([1, 2, 3, 4], new RouterSpec { Experts = 4, Select = new TopPSelection { P = 0.5 } }, [], buffer);
            return 0;
        }
        catch (NotSupportedException e) when (e.Message.Contains("MOE_STRICT=1", StringComparison.Ordinal))
        {
            return 4;
        }
    }
}
