// Writes src/MoE/Kernels/Tiles.Generated.cs and IntegerTiles.Generated.cs: one method per number of rows, because a register tile has to be written out for the compiler to keep it in registers.
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
    for (int m = 1; m <= rows; m++) s.Append(Method(bits, m, halves: false));
}

for (int m = 1; m <= 14; m++) s.Append(Method(512, m, halves: true));
Write("Tiles.Generated.cs", s);

var q = new StringBuilder("""
    // Written by build/GenerateTiles.cs; change that, not this.
    using System.Runtime.CompilerServices;
    using System.Runtime.Intrinsics;
    using System.Runtime.Intrinsics.X86;

    namespace MoE;

    /// <summary>Integer tiles of 16 columns: for each block of 32 inputs an exact integer product, times both scales, added up in single precision in the order of the blocks.</summary>
    internal static unsafe partial class IntegerTiles
    {

    """);
foreach (int bits in new[] { 8, 4 })
{
    for (int m = 1; m <= 6; m++) q.Append(Integers(bits, m));
}

Write("IntegerTiles.Generated.cs", q);

static void Write(string name, StringBuilder text)
{
    text.Length -= 1;
    string path = Path.Combine(Environment.CurrentDirectory, "src/MoE/Kernels", name);
    File.WriteAllText(path + ".tmp", text.Append("}\n").ToString());
    File.Move(path + ".tmp", path, overwrite: true);
}

// a: blocks of [rows][32] numbers, scales and sums [blocks][rows]; w: blocks of 16 columns, four inputs per 32-bit lane; c: rows 32 apart.
static string Integers(int bits, int rows)
{
    var t = new StringBuilder();
    t.Append("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]\n");
    t.Append($"    private static void Int{bits}R{rows}(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)\n    {{\n");
    for (int r = 0; r < rows; r++) t.Append($"        Vector256<float> f{r}l = default, f{r}h = default;\n");
    t.Append("        for (nint b = 0; b < blocks; b++)\n        {\n");
    for (int p = 0; p < 64 * bits; p += 64) t.Append($"            Sse.Prefetch0(w + Distance{(p == 0 ? "" : $" + {p}")});\n");
    for (int r = 0; r < rows; r++) t.Append($"            var i{r}l = Vector256.Create(sums[{r}]);\n            var i{r}h = i{r}l;\n");
    t.Append($"            for (int g = 0; g < {bits}; g++)\n            {{\n");
    t.Append("                var l = Vector256.Load(w + 64 * g);\n                var h = Vector256.Load(w + 64 * g + 32);\n");
    if (bits == 4)
    {
        t.Append("                var ll = l & Vector256.Create((byte)15);\n                var hl = h & Vector256.Create((byte)15);\n");
        t.Append("                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);\n                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);\n");
    }

    for (int r = 0; r < rows; r++)
    {
        if (bits == 4)
        {
            t.Append($"                var y{r} = Vector256.Create(*(int*)(a + {32 * r} + 4 * g)).AsSByte();\n");
            t.Append($"                i{r}l = AvxVnni.MultiplyWideningAndAdd(i{r}l, ll, y{r});\n                i{r}h = AvxVnni.MultiplyWideningAndAdd(i{r}h, hl, y{r});\n");
        }

        t.Append($"                var x{r} = Vector256.Create(*(int*)(a + {32 * r + (bits == 4 ? 16 : 0)} + 4 * g)).AsSByte();\n");
        t.Append($"                i{r}l = AvxVnni.MultiplyWideningAndAdd(i{r}l, l, x{r});\n                i{r}h = AvxVnni.MultiplyWideningAndAdd(i{r}h, h, x{r});\n");
    }

    t.Append("            }\n\n");
    t.Append("            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();\n            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();\n");
    for (int r = 0; r < rows; r++)
    {
        t.Append($"            var z{r} = Vector256.Create(scales[{r}]);\n");
        foreach (string side in new[] { "l", "h" }) t.Append($"            f{r}{side} = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i{r}{side}), s{side} * z{r}, f{r}{side});\n");
    }

    t.Append("            a += 32 * rows;\n            scales += rows;\n            sums += rows;\n            w += step;\n            s += scaleStep;\n        }\n\n");
    for (int r = 0; r < rows; r++) t.Append($"        f{r}l.Store(c + {32 * r});\n        f{r}h.Store(c + {32 * r + 8});\n");
    t.Append("    }\n\n");
    return t.ToString();
}

static string Method(int bits, int rows, bool halves)
{
    int lanes = bits / 32;
    string v = $"Vector{bits}";
    var t = new StringBuilder();
    t.Append($"    [MethodImpl(MethodImplOptions.AggressiveOptimization)]\n");
    t.Append($"    private static void {(halves ? "H" : "V")}{bits}R{rows}(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)\n    {{\n");
    for (int r = 0; r < rows; r++) t.Append($"        {v}<float> c{r}l = default, c{r}h = default;\n");
    t.Append("        for (nint i = 0; i < k; i++)\n        {\n");
    // bfloat16: of a 32-bit lane the low half is a column of the first sixteen, the high half one of the second.
    if (halves) t.Append("            var both = Vector512.Load((uint*)b);\n            var l = Vector512.ShiftLeft(both, 16).AsSingle();\n            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();\n            Sse.Prefetch0(ahead);\n            ahead += step;\n");
    else t.Append($"            var l = {v}.Load(b);\n            var h = {v}.Load(b + {lanes});\n");
    if (bits == 512 && !halves) t.Append("            Sse.Prefetch0(ahead);\n            Sse.Prefetch0(ahead + 16);\n            ahead += step;\n");
    for (int r = 0; r < rows; r++)
    {
        t.Append($"            var x{r} = {v}.Create(a[{r}]);\n");
        t.Append($"            c{r}l = {v}.MultiplyAddEstimate(x{r}, l, c{r}l);\n            c{r}h = {v}.MultiplyAddEstimate(x{r}, h, c{r}h);\n");
    }

    t.Append($"            a += stride;\n            b += Columns{(halves ? " / 2" : "")};\n        }}\n\n");
    for (int r = 0; r < rows; r++) t.Append($"        c{r}l.Store(c{(r == 0 ? "" : $" + {r} * Columns")});\n        c{r}h.Store(c + {(r == 0 ? "" : $"{r} * Columns + ")}{lanes});\n");
    t.Append("    }\n\n");
    return t.ToString();
}
