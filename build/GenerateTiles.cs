// Writes src/MoE/Kernels/Tiles.Generated.cs: one method per number of rows, because a register tile has to be written out for the compiler to keep it in registers.
//   dotnet run --file build/GenerateTiles.cs
using System.Text;

var s = new StringBuilder("""
    // Written by build/GenerateTiles.cs; change that, not this.
    using System.Runtime.CompilerServices;
    using System.Runtime.Intrinsics;
    using System.Runtime.Intrinsics.X86;

    namespace MoE;

    /// <summary>Register tiles: c[m, columns] = sum_k a[k, m] b[k, columns], each element one chain of fused multiply-adds in the order of k.</summary>
    internal static unsafe partial class Tiles
    {

    """);
foreach (var (bits, rows) in new[] { (512, 14), (256, 6), (128, 4) })
{
    for (int m = 1; m <= rows; m++) s.Append(Method(bits, m));
}

s.Append("}\n");
string root = Environment.CurrentDirectory;
string path = Path.Combine(root, "src/MoE/Kernels/Tiles.Generated.cs");
File.WriteAllText(path + ".tmp", s.ToString());
File.Move(path + ".tmp", path, overwrite: true);

static string Method(int bits, int rows)
{
    int lanes = bits / 32;
    string v = $"Vector{bits}";
    var t = new StringBuilder();
    t.Append($"    [MethodImpl(MethodImplOptions.AggressiveOptimization)]\n");
    t.Append($"    private static void V{bits}R{rows}(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)\n    {{\n");
    for (int r = 0; r < rows; r++) t.Append($"        {v}<float> c{r}l = default, c{r}h = default;\n");
    t.Append("        for (nint i = 0; i < k; i++)\n        {\n");
    t.Append($"            var l = {v}.Load(b);\n            var h = {v}.Load(b + {lanes});\n");
    if (bits == 512) t.Append("            Sse.Prefetch0(ahead);\n            Sse.Prefetch0(ahead + 16);\n            ahead += step;\n");
    for (int r = 0; r < rows; r++)
    {
        t.Append($"            var x{r} = {v}.Create(a[{r}]);\n");
        t.Append($"            c{r}l = {v}.MultiplyAddEstimate(x{r}, l, c{r}l);\n            c{r}h = {v}.MultiplyAddEstimate(x{r}, h, c{r}h);\n");
    }

    t.Append("            a += stride;\n            b += Columns;\n        }\n\n");
    for (int r = 0; r < rows; r++) t.Append($"        c{r}l.Store(c{(r == 0 ? "" : $" + {r} * Columns")});\n        c{r}h.Store(c + {(r == 0 ? "" : $"{r} * Columns + ")}{lanes});\n");
    t.Append("    }\n\n");
    return t.ToString();
}
