using MoE.Torch.Native;

namespace MoE.Torch.Tests.Native;

public class WeakVersionsTests
{
    private static byte[] Library(string library, string version, bool used, ushort flags = 0)
        => new SyntheticElf { Needs = { (library, "BASE_1", 0, true), (library, version, flags, used) } }.Build();

    private static Func<string, IReadOnlySet<string>?> Offering(params string[] versions) => _ => versions.ToHashSet();

    [Fact]
    public void Changes_one_bit_of_an_unused_missing_version()
    {
        byte[] original = Library("libstdc++.so.6", "GLIBCXX_3.4.32", used: false);
        byte[] kept = [.. original];

        byte[] patched = WeakVersions.Apply(original, "libx.so", Offering("BASE_1", "GLIBCXX_3.4.30"))!;

        Assert.Equal(kept, original);
        int at = Assert.Single(Enumerable.Range(0, original.Length), i => original[i] != patched[i]);
        Assert.Equal(2, original[at] ^ patched[at]);
        Assert.Equal([0, 2], ElfImage.Parse(patched, "libx.so").VersionNeeds.Select(need => (int)need.Flags));
        Assert.Null(WeakVersions.Apply(patched, "libx.so", Offering("BASE_1")));
    }

    [Fact]
    public void Refuses_a_missing_version_that_is_used()
    {
        byte[] library = Library("libstdc++.so.6", "GLIBCXX_3.4.32", used: true);

        var e = Assert.Throws<DllNotFoundException>(
            () => WeakVersions.Apply(library, "libx.so", Offering("BASE_1", "GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_DEBUG_MESSAGE_LENGTH")));

        Assert.Equal("libx.so needs GLIBCXX_3.4.32 of libstdc++.so.6, but this system offers GLIBCXX_3.4.30: install a newer libstdc++ (GCC runtime).", e.Message);
    }

    [Theory]
    [InlineData("libc.so.6", "GLIBC_2.38")]
    [InlineData("libstdc++.so.6", "CXXABI_1.3.15")]
    public void Refuses_versions_of_which_no_unused_marker_is_known(string library, string version)
        => Assert.Contains(version, Assert.Throws<DllNotFoundException>(
            () => WeakVersions.Apply(Library(library, version, used: false), "libx.so", Offering("BASE_1"))).Message);

    [Fact]
    public void Does_nothing_where_nothing_is_missing_or_known()
    {
        byte[] library = Library("libstdc++.so.6", "GLIBCXX_3.4.32", used: false);

        Assert.Null(WeakVersions.Apply(library, "libx.so", Offering("BASE_1", "GLIBCXX_3.4.32")));
        Assert.Null(WeakVersions.Apply(library, "libx.so", _ => null));
    }

    [SkippableFact]
    public void In_TorchSharps_library_the_version_of_GCC_13_is_a_marker_and_that_of_GCC_12_is_used()
    {
        Skip.IfNot(OperatingSystem.IsLinux());
        byte[] original = NativeFile.Read(Natives.Path);
        var versions = ElfImage.Parse(original, TorchNatives.FileName).VersionNeeds.Select(need => need.Version).ToHashSet();
        Skip.IfNot(versions.Remove("GLIBCXX_3.4.32"), "TorchSharp's library no longer needs GLIBCXX_3.4.32.");

        byte[] patched = WeakVersions.Apply(original, TorchNatives.FileName, _ => versions)!;
        Assert.Single(Enumerable.Range(0, original.Length), i => original[i] != patched[i]);

        // std::condition_variable::wait has this version, and is called.
        versions.Remove("GLIBCXX_3.4.30");
        Assert.Contains("GLIBCXX_3.4.30", Assert.Throws<DllNotFoundException>(
            () => WeakVersions.Apply(original, TorchNatives.FileName, _ => versions)).Message);
    }

    [SkippableFact]
    public void The_installed_libraries_say_what_they_offer()
    {
        Skip.IfNot(OperatingSystem.IsLinux());

        Assert.Contains("GLIBCXX_3.4.21", InstalledLibrary.OfferedVersions("libstdc++.so.6")!);
        Assert.Contains("GLIBC_2.17", InstalledLibrary.OfferedVersions("libc.so.6")!);
        Assert.Null(InstalledLibrary.OfferedVersions("libnone.so.6"));
    }
}
