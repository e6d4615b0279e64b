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
foreach (var (vector, rows) in new[] { (512, 7), (256, 2) })
{
    foreach (var (bits, zeros) in new[] { (8, false), (4, false), (4, true) })
    {
        for (int m = 1; m <= rows; m++) q.Append(Integers(vector, bits, zeros, m));
    }
}

Write("IntegerTiles.Generated.cs", q);

var top = new StringBuilder("""
    // Written by build/GenerateTiles.cs; change that, not this.
    using System.Runtime.CompilerServices;
    using System.Runtime.Intrinsics;

    namespace MoE;

    /// <summary>The k best of e vectors, lane by lane, for the k of published models: levels in registers.</summary>
    public static unsafe partial class RouterKernel
    {

    """);
foreach (int k in new[] { 1, 2, 4, 6, 8 }) top.Append(Top(k));
Write("RouterKernel.Generated.cs", top);

// A level takes the value, its upper neighbour's, or keeps its own, the lowest first. Comparisons of one pair are written in two ways, so that each has one use and stays in a mask register.
static string Top(int k)
{
    var t = new StringBuilder();
    t.Append($"    [MethodImpl(MethodImplOptions.AggressiveOptimization)]\n    private static void Top{k}<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder\n    {{\n");
    for (int j = 0; j < k; j++) t.Append($"        var v{j} = Vector512.Create(float.NegativeInfinity);\n        var n{j} = Vector512.Create(-1);\n");
    t.Append("        for (int i = 0; i < e; i++)\n        {\n            var v = Vector512.Load(scores + i * Lanes);\n            if (bias is not null) v += Vector512.Create(bias[i]);\n");
    t.Append($"            if (TOrder.NoneBefore(v, v{k - 1})) continue;\n            var index = Vector512.Create(i);\n");
    for (int j = k - 1; j > 0; j--)
    {
        t.Append($"            n{j} = Vector512.ConditionalSelect(TOrder.NotBefore(v, v{j}).AsInt32(), n{j}, index);\n");
        t.Append($"            n{j} = Vector512.ConditionalSelect(TOrder.Before(v, v{j - 1}).AsInt32(), n{j - 1}, n{j});\n");
        t.Append($"            v{j} = Vector512.MaxNative(Vector512.MinNative(v, v{j - 1}), v{j});\n");
    }

    t.Append("            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);\n            v0 = Vector512.MaxNative(v, v0);\n        }\n\n");
    for (int j = 0; j < k; j++) t.Append($"        v{j}.Store(values{(j == 0 ? "" : $" + {j} * Lanes")});\n        n{j}.Store(indices{(j == 0 ? "" : $" + {j} * Lanes")});\n");
    t.Append("    }\n\n");
    return t.ToString();
}

static void Write(string name, StringBuilder text)
{
    text.Length -= 1;
    string path = Path.Combine(Environment.CurrentDirectory, "src/MoE/Kernels", name);
    File.WriteAllText(path + ".tmp", text.Append("}\n").ToString());
    File.Move(path + ".tmp", path, overwrite: true);
}

// a: blocks of [rows][32] numbers, 16-bit ones for 8-bit weights and 8-bit ones for 4-bit weights; scales and sums [blocks][rows]; w: blocks of 16 columns, four inputs per 32-bit lane; c: rows 32 apart.
// With zero points, those of the 16 columns follow the scales, and a sum meets each column's: both fit 16 bits, so that one multiply-add of pairs does it.
static string Integers(int vector, int bits, bool zeros, int rows)
{
    string v = $"Vector{vector}", isa = vector == 512 ? "Avx512BW" : "Avx2";
    int parts = 512 / vector, bytes = vector / 8;
    var t = new StringBuilder();
    t.Append("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]\n");
    t.Append($"    private static void V{vector}Int{bits}{(zeros ? "Z" : "")}R{rows}(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)\n    {{\n");
    foreach (var (r, p) in Places()) t.Append($"        {v}<float> f{r}{p} = default;\n");
    t.Append("        for (nint b = 0; b < blocks; b++)\n        {\n");
    for (int line = 0; line < 64 * bits; line += 64) t.Append($"            Sse.Prefetch0(w + Distance{(line == 0 ? "" : $" + {line}")});\n");
    foreach (var (r, p) in Places()) t.Append(bits == 8 ? $"            var i{r}{p} = {v}.Create(sums[{r}]);\n" : $"            {v}<short> i{r}{p} = default;\n");
    t.Append($"            for (int g = 0; g < {bits}; g++)\n            {{\n");
    for (int p = 0; p < parts; p++)
    {
        t.Append($"                var w{p} = {v}.Load(w + 64 * g{(p == 0 ? "" : $" + {p * bytes}")});\n");
        // 8 bits: the even and the odd bytes as 16-bit numbers. 4 bits: the low and the high nibbles as bytes.
        t.Append(bits == 8
            ? $"                var l{p} = w{p}.AsInt16() & {v}.Create((short)255);\n                var h{p} = {v}.ShiftRightLogical(w{p}.AsInt16(), 8);\n"
            : $"                var l{p} = w{p} & {v}.Create((byte)15);\n                var h{p} = {v}.ShiftRightLogical(w{p}.AsInt16(), 4).AsByte() & {v}.Create((byte)15);\n");
    }

    for (int r = 0; r < rows; r++)
    {
        string type = bits == 8 ? "Int16" : "SByte";
        t.Append($"                var x{r} = {v}.Create(*(int*)(a + {(bits == 8 ? 64 : 32) * r} + {(bits == 8 ? 8 : 4)} * g)).As{type}();\n");
        t.Append($"                var y{r} = {v}.Create(*(int*)(a + {(bits == 8 ? 64 * r + 4 : 32 * r + 16)} + {(bits == 8 ? 8 : 4)} * g)).As{type}();\n");
        for (int p = 0; p < parts; p++) t.Append($"                i{r}{p} += {isa}.MultiplyAddAdjacent(l{p}, x{r});\n                i{r}{p} += {isa}.MultiplyAddAdjacent(h{p}, y{r});\n");
    }

    t.Append("            }\n\n");
    for (int p = 0; p < parts; p++)
    {
        t.Append(vector == 512
            ? "            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();\n"
            : $"            var s{p} = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + {8 * p})), 16).AsSingle();\n");
    }

    for (int p = 0; p < parts && zeros; p++) t.Append($"            var o{p} = Zeros(s + 32{(vector == 512 ? "" : $", {p}")}).AsInt16();\n");
    for (int r = 0; r < rows; r++)
    {
        t.Append($"            var z{r} = {v}.Create(scales[{r}]);\n");
        for (int p = 0; p < parts; p++)
        {
            string whole = bits == 8 ? $"i{r}{p}" : $"{isa}.MultiplyAddAdjacent(i{r}{p}, {v}.Create((short)1)) + {(zeros ? $"{isa}.MultiplyAddAdjacent(o{p}, {v}.Create(sums[{r}]).AsInt16())" : $"{v}.Create(sums[{r}])")}";
            t.Append($"            f{r}{p} = {v}.MultiplyAddEstimate({v}.ConvertToSingle({whole}), s{p} * z{r}, f{r}{p});\n");
        }
    }

    t.Append($"            a += {(bits == 8 ? 64 : 32)} * rows;\n            scales += rows;\n            sums += rows;\n            w += step;\n            s += scaleStep;\n        }}\n\n");
    foreach (var (r, p) in Places()) t.Append($"        f{r}{p}.Store(c + {32 * r + p * bytes / 4});\n");
    t.Append("    }\n\n");
    return t.ToString();

    IEnumerable<(int Row, int Part)> Places() => from r in Enumerable.Range(0, rows) from p in Enumerable.Range(0, parts) select (r, p);
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
