using System.Buffers.Binary;
using System.Text;
using CsCheck;
using MoE.Tests.Checkpoints.Safetensors;
using MoE.Tests.Profiles;
using MoE.Tests.Reference;

namespace MoE.Tests.Kernels;

/// <summary>Packed layers in files: the same bits when mapped, nothing else accepted, nothing left behind.</summary>
public sealed class PackedFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File0 => Path.Combine(_folder.Path, "layer.moe");

    public static TheoryData<int> Precisions => QuantizedFeedForwardTests.Precisions;

    public static TheoryData<string> Profiles => [.. AllProfiles.Layers.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Precisions))]
    public void A_mapped_layer_has_the_bits_of_the_packed_one(int number)
    {
        int seed = 0;
        foreach (var spec in new[] { LayerProfiles.Mixtral(33, 50, 5, 2), LayerProfiles.GptOss(40, 24, 8, 4), LayerProfiles.Qwen2Moe(70, 24, 45, 6, 3), LayerProfiles.Llama4(32, 16, 3), LayerProfiles.DeepSeekV3(31, 17, 8, 2, 4, 2, 2.5) })
        {
            var precision = QuantizedFeedForwardTests.Precision(number);
            var weights = LayerOracle.RandomWeights(spec, ++seed);
            float[] x = Draw.Normal(37 * spec.Width, seed), expected = new float[x.Length];
            using var packed = new ManagedMoEEngine(spec, weights, 2, precision);
            packed.Forward(x, expected);
            packed.Save(File0);
            string other = File0 + ".packed";
            Assert.Equal(packed.Errors, MoEFeedForward.Pack(other, spec, weights, precision));
            Assert.Equal(File.ReadAllBytes(File0), File.ReadAllBytes(other));
            using var mapped = ManagedMoEEngine.Open(File0, 2, verify: true);
            float[] actual = new float[x.Length];
            mapped.Forward(x, actual);
            Assert.Equal(expected, actual);
            Assert.Equal(spec, mapped.Spec);
            Assert.Equal(precision, mapped.Precision);
            Assert.Equal(packed.Errors, mapped.Errors);
            Assert.Equal(((TopKRouting)packed.Route(x)).ExpertIds.ToArray(), ((TopKRouting)mapped.Route(x)).ExpertIds.ToArray());
            // What was mapped may be saved again, also over itself where the system lets a mapped file be replaced, and the experts alone may be taken from the whole.
            mapped.Save(other);
            Assert.Equal(File.ReadAllBytes(File0), File.ReadAllBytes(other));
            if (!OperatingSystem.IsWindows()) mapped.Save(File0);
            Assert.Equal(File.ReadAllBytes(other), File.ReadAllBytes(File0));
            using var experts = MoEFeedForward.Open(File0);
            Assert.True(experts.IsMapped);
            using var workspace = new MoEWorkspace();
            using var fresh = new MoEFeedForward(spec, weights, precision);
            fresh.Forward(x, (TopKRouting)packed.Route(x), expected, workspace);
            experts.Forward(x, (TopKRouting)packed.Route(x), actual, workspace);
            Assert.Equal(expected, actual);
        }

        Assert.Equal(2, Directory.GetFiles(_folder.Path).Length);
    }

    [Theory, MemberData(nameof(Profiles))]
    public void Every_profile_comes_back(string name)
    {
        var spec = AllProfiles.Layers[name];
        var weights = LayerOracle.RandomWeights(spec, 7);
        float[] x = Draw.Normal(9 * spec.Width, 8), expected = new float[x.Length], actual = new float[x.Length];
        using var packed = new ManagedMoEEngine(spec, weights);
        packed.Save(File0);
        using var mapped = ManagedMoEEngine.Open(File0, verify: true);
        packed.Forward(x, expected);
        mapped.Forward(x, actual);
        Assert.Equal(expected, actual);
        Assert.Equal(spec.ToJson(), mapped.Spec.ToJson());
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        var spec = LayerProfiles.Qwen2Moe(33, 20, 30, 4, 2);
        byte[] whole = Bytes(spec, new ExpertPrecision(WeightFormat.Int4PerBlockAsymmetric));
        string cut = Path.Combine(_folder.Path, "cut");
        foreach (int length in Enumerable.Range(0, whole.Length / 1000 + 1).Select(static i => i * 1000).Concat([1, 7, 8, 63, 64, 4095, 4096, 4097, whole.Length - 1]))
        {
            File.WriteAllBytes(cut, whole[..length]);
            Assert.StartsWith(cut, Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(cut)).Message);
        }

        File.WriteAllBytes(cut, [.. whole, 0]);
        Assert.Contains("was written with", Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(cut)).Message);
    }

    [Fact]
    public void A_byte_changed_anywhere_is_found()
    {
        var spec = LayerProfiles.Mixtral(20, 20, 2, 1);
        byte[] whole = Bytes(spec, ExpertPrecision.Single);
        int data = (int)BinaryPrimitives.ReadInt64LittleEndian(whole.AsSpan(40));
        string changed = Path.Combine(_folder.Path, "changed");
        foreach (int at in Enumerable.Range(0, whole.Length / 97).Select(static i => i * 97).Concat(Enumerable.Range(0, 64)))
        {
            // Bytes that only fill up to a boundary belong to no section.
            byte[] copy = [.. whole];
            copy[at] ^= 0x10;
            File.WriteAllBytes(changed, copy);
            if (at < data) Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(changed));
            else Assert.Contains("checksum of section", Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(changed, verify: true)).Message);
        }
    }

    [Fact]
    public void Whatever_the_header_says_nothing_outside_is_read()
    {
        // Headers with a right checksum and wrong contents: only what the file really has is accepted.
        var spec = LayerProfiles.Mixtral(20, 20, 2, 1);
        byte[] whole = Bytes(spec, new ExpertPrecision(WeightFormat.Int8PerBlock));
        string hostile = Path.Combine(_folder.Path, "hostile");
        int opened = 0;
        Gen.Select(Gen.Int[8, 63], Gen.UInt).Sample((at, value) =>
        {
            byte[] copy = [.. whole];
            if (at > 60) at = 28;
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(at), value % (at % 2 == 0 ? 9u : uint.MaxValue));
            Reseal(copy);
            File.WriteAllBytes(hostile, copy);
            try
            {
                using var layer = MoEFeedForward.Open(hostile);
                opened++;
                Assert.Equal(spec.ToJson(), layer.Spec.ToJson());
            }
            catch (InvalidDataException)
            {
            }
        }, iter: 500, threads: 1);

        foreach (var (from, to) in new[] { ("\"width\": 20", "\"width\": 99"), ("\"experts\": 2", "\"experts\": 9"), ("\"schema\": 1", "\"schema\": 7"), ("\"form\"", "\"farm\"") })
        {
            byte[] copy = [.. whole];
            string text = Encoding.Latin1.GetString(whole);
            int at = text.IndexOf(from, StringComparison.Ordinal);
            Assert.True(at > 0, from);
            Encoding.Latin1.GetBytes(to).CopyTo(copy, at);
            Reseal(copy);
            File.WriteAllBytes(hostile, copy);
            Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(hostile));
        }

        foreach (var (at, value, rule) in new[] { (8, 2u, "version 2"), (12, 9u, "layout 9"), (16, 77u, "the layer cannot be"), (24, 5u, "flags"), (0, 0u, "no packed layer") })
        {
            byte[] copy = [.. whole];
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(at), value);
            Reseal(copy);
            File.WriteAllBytes(hostile, copy);
            Assert.Contains(rule, Assert.Throws<InvalidDataException>(() => MoEFeedForward.Open(hostile)).Message);
        }
    }

    [Fact]
    public void The_layout_of_the_file_is_the_kernels()
    {
        // One expert, one panel: columns 0..15 are gate, 16..31 up, each input's 32 columns side by side; then the down panel. Another arrangement needs another layout number.
        var spec = LayerProfiles.Mixtral(3, 2, 1, 1);
        var weights = new WeightDictionary().Add(WeightNames.Router, [1, 2, 3], 1, 3).Add(WeightNames.ExpertGate, [1, 2, 3, 4, 5, 6], 1, 2, 3).Add(WeightNames.ExpertUp, [7, 8, 9, 10, 11, 12], 1, 2, 3).Add(WeightNames.ExpertDown, [13, 14, 15, 16, 17, 18], 1, 3, 2);
        MoEFeedForward.Pack(File0, spec, weights);
        byte[] bytes = File.ReadAllBytes(File0);
        Assert.Equal(1, PackedFile.Layout);
        Assert.Equal("MoEPackd", Encoding.ASCII.GetString(bytes, 0, 8));
        float At(int section, int number) => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4096 + section + 4 * number));
        for (int k = 0; k < 3; k++)
        {
            for (int j = 0; j < 2; j++) Assert.Equal((1f + 3 * j + k, 7f + 3 * j + k), (At(0, 32 * k + j), At(0, 32 * k + 16 + j)));
        }

        for (int k = 0; k < 2; k++)
        {
            for (int i = 0; i < 3; i++) Assert.Equal(13f + 2 * i + k, At(384, 32 * k + i));
        }
    }

    [Fact]
    public void Crc_is_Castagnolis() =>
        // The check value of RFC 3720's polynomial, and in two parts.
        Assert.Equal((0xE3069283u, 0xE3069283u), (Crc32C.Of("123456789"u8), Crc32C.Of("6789"u8, Crc32C.Of("12345"u8))));

    [Fact]
    public void A_write_that_ends_early_leaves_what_was_there()
    {
        var spec = LayerProfiles.Mixtral(64, 300, 8, 2);
        using var layer = new MoEFeedForward(spec, LayerOracle.RandomWeights(spec, 3));
        layer.Save(File0);
        byte[] before = File.ReadAllBytes(File0);
        using var cancel = new CancellationTokenSource();
        var seen = new List<double>();
        var progress = new Reports(share =>
        {
            seen.Add(share);
            if (share > 0.5) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => layer.Save(File0, progress, cancel.Token));
        Assert.Equal(before, File.ReadAllBytes(File0));
        Assert.Single(Directory.GetFiles(_folder.Path));
        Assert.InRange(seen[^1], 0.5, 0.999);
        seen.Clear();
        layer.Save(File0, new Reports(seen.Add));
        Assert.Equal(seen.Order(), seen);
        Assert.Equal(1, seen[^1]);
        Assert.Throws<DirectoryNotFoundException>(() => layer.Save(Path.Combine(_folder.Path, "absent", "layer")));
        Assert.Throws<OperationCanceledException>(() => MoEFeedForward.Open(File0, verify: true, new CancellationToken(canceled: true)));
        Assert.Throws<ArgumentException>(() => MoEFeedForward.Pack(File0, spec, new WeightDictionary()));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void An_engine_needs_a_router()
    {
        var spec = LayerProfiles.Mixtral(8, 8, 4, 2);
        using var layer = new MoEFeedForward(spec, LayerOracle.RandomWeights(spec, 3));
        layer.Save(File0);
        Assert.Contains("without a router", Assert.Throws<InvalidDataException>(() => ManagedMoEEngine.Open(File0)).Message);
        MoEFeedForward.Open(File0).Dispose();
        Assert.Throws<FileNotFoundException>(() => MoEFeedForward.Open(File0 + ".absent"));
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Callers_finish_and_later_ones_are_refused_when_the_layer_is_disposed(bool mapped)
    {
        var spec = LayerProfiles.Mixtral(64, 128, 8, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(200 * 64, 5), expected = new float[x.Length];
        MoEFeedForward.Pack(File0, spec, weights, new ExpertPrecision(WeightFormat.Int8PerBlock, ActivationFormat.Int8));
        using var reference = MoEFeedForward.Open(File0);
        TopKRouting routing;
        using (var oracle = new ManagedMoEEngine(spec, weights)) routing = (TopKRouting)oracle.Route(x);
        using (var workspace = new MoEWorkspace()) reference.Forward(x, routing, expected, workspace);
        for (int round = 0; round < 20; round++)
        {
            var layer = mapped ? MoEFeedForward.Open(File0) : new MoEFeedForward(spec, weights, new ExpertPrecision(WeightFormat.Int8PerBlock, ActivationFormat.Int8));
            using var started = new CountdownEvent(4);
            int refused = 0;
            var callers = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(() =>
            {
                using var workspace = new MoEWorkspace();
                float[] y = new float[x.Length];
                bool first = true;
                try
                {
                    while (true)
                    {
                        layer.Forward(x, routing, y, workspace);
                        Assert.Equal(expected, y);
                        if (first) started.Signal();
                        first = false;
                    }
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            }, TaskCreationOptions.LongRunning)).ToArray();
            Assert.True(started.Wait(TimeSpan.FromMinutes(1)));
            layer.Dispose();
            layer.Dispose();
            await Task.WhenAll(callers);
            Assert.Equal(4, refused);
            Assert.Throws<ObjectDisposedException>(() => layer.Save(File0 + ".after"));
        }

        var engine = ManagedMoEEngine.Open(File0);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Forward(x, expected));
        Assert.Throws<ObjectDisposedException>(() => engine.Save(File0));
    }

    [Fact]
    public void A_layer_that_is_forgotten_unmaps_its_file()
    {
        var spec = LayerProfiles.Mixtral(8, 8, 4, 2);
        MoEFeedForward.Pack(File0, spec, LayerOracle.RandomWeights(spec, 3));
        var memory = Forget(File0);
        for (int i = 0; i < 20 && memory.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(memory.IsAlive);
        if (OperatingSystem.IsLinux()) Assert.DoesNotContain(File.ReadLines("/proc/self/maps"), l => l.EndsWith(File0, StringComparison.Ordinal));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference Forget(string path)
    {
        var layer = MoEFeedForward.Open(path);
        if (OperatingSystem.IsLinux()) Assert.Contains(File.ReadLines("/proc/self/maps"), l => l.EndsWith(path, StringComparison.Ordinal));
        return new WeakReference(layer);
    }

    private byte[] Bytes(MoELayerSpec spec, ExpertPrecision precision)
    {
        MoEFeedForward.Pack(File0, spec, LayerOracle.RandomWeights(spec, 3), precision);
        return File.ReadAllBytes(File0);
    }

    // The checksum of the header, put right again.
    private static void Reseal(byte[] file)
    {
        int data = (int)Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(40)), 40, file.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(36), Crc32C.Of(file.AsSpan(40..data), Crc32C.Of(file.AsSpan(..36))));
    }

    private sealed class Reports(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
