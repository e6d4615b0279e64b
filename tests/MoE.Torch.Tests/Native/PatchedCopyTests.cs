using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using MoE.Torch.Native;

namespace MoE.Torch.Tests.Native;

[SupportedOSPlatform("linux")]
public sealed class PatchedCopyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PatchedCopyTests() => Skip.IfNot(OperatingSystem.IsLinux());

    public void Dispose() => _folder.Dispose();

    // Any library that loads by itself will do; this one is part of every runtime.
    private static PatchedCopy Loadable => new(File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so")), "libx.so");

    [SkippableFact]
    public void Name_carries_the_hash_of_the_content()
    {
        // The first 16 digits of SHA-256 of "abc", FIPS 180-2 example B.1.
        Assert.Equal("libx.moe-ba7816bf8f01cfea.so", new PatchedCopy("abc"u8.ToArray(), "libx.so").FileName);
        Assert.NotEqual(new PatchedCopy([1], "libx.so").FileName, new PatchedCopy([2], "libx.so").FileName);
    }

    [SkippableFact]
    public void A_copy_that_is_right_is_left_alone()
    {
        var copy = new PatchedCopy([1, 2, 3], "libx.so");
        string path = copy.Place(_folder.Path);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);

        Assert.Equal(path, copy.Place(_folder.Path));
        Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [SkippableTheory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 2 })]
    [InlineData(new byte[] { 1, 2, 4 })]
    [InlineData(new byte[] { 1, 2, 3, 4 })]
    public void A_copy_that_is_wrong_is_replaced(byte[] wrong)
    {
        var copy = new PatchedCopy([1, 2, 3], "libx.so");
        File.WriteAllBytes(_folder[copy.FileName], wrong);

        Assert.Equal([1, 2, 3], File.ReadAllBytes(copy.Place(_folder.Path)));
    }

    [SkippableFact]
    public void A_changed_library_gets_a_copy_of_its_own()
    {
        string first = new PatchedCopy([1, 2, 3], "libx.so").Place(_folder.Path), second = new PatchedCopy([1, 2, 4], "libx.so").Place(_folder.Path);

        Assert.Equal([1, 2, 3], File.ReadAllBytes(first));
        Assert.Equal([1, 2, 4], File.ReadAllBytes(second));
    }

    [SkippableFact]
    public async Task Tasks_and_processes_that_start_together_leave_one_whole_copy()
    {
        byte[] content = new byte[1 << 20];
        new Random(1).NextBytes(content);
        string source = _folder["content"], target = Directory.CreateDirectory(_folder["target"]).FullName;
        File.WriteAllBytes(source, content);

        var processes = Enumerable.Range(0, 3).Select(_ => ChildProcess.Run("place", source, target)).ToList();
        while (!processes.All(process => process.IsCompleted))
        {
            // Deleting makes the writers meet again and again.
            await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => new PatchedCopy(content, "libx.so").Place(target))));
            File.Delete(Path.Combine(target, new PatchedCopy(content, "libx.so").FileName));
        }
        Assert.All(await Task.WhenAll(processes), process => Assert.True(process.ExitCode == 0, process.Error));

        string path = new PatchedCopy(content, "libx.so").Place(target);
        Assert.Equal([path], Directory.GetFiles(target));
        Assert.Equal(content, File.ReadAllBytes(path));
    }

    [SkippableFact]
    public void Goes_beside_the_original_first()
    {
        Assert.NotEqual(0, Loadable.Load(_folder.Path, _folder["cache"], _folder["temporary"]));

        Assert.Equal([_folder[Loadable.FileName]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [SkippableFact]
    public void Goes_to_a_private_folder_of_the_user_if_the_application_folder_takes_nothing()
    {
        string cache = _folder["cache/native"];

        Assert.NotEqual(0, Loadable.Load(_folder.Impossible, cache, _folder["temporary"]));

        Assert.Equal([Path.Combine(cache, Loadable.FileName)], Directory.GetFiles(cache));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(cache));
        Assert.NotEqual(0, Loadable.Load(_folder.Impossible, cache, _folder["temporary"]));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Is_loaded_from_a_temporary_folder_and_deleted_if_nothing_else_is_left(bool hasHome)
    {
        string temporary = Directory.CreateDirectory(_folder["temporary"]).FullName;

        Assert.NotEqual(0, Loadable.Load(_folder.Impossible, hasHome ? _folder.Impossible : null, temporary));

        Assert.Empty(Directory.GetFileSystemEntries(temporary));
    }

    [SkippableFact]
    public void Says_where_it_tried_if_no_place_is_left()
    {
        string none = _folder.Impossible;

        string message = Assert.Throws<DllNotFoundException>(() => Loadable.Load(none, none, none)).Message;

        Assert.StartsWith("A copy of libx that fits this system's libstdc++ could not be written and loaded: ", message);
        Assert.Equal(3, message.Split(none + " (").Length - 1);
        Assert.DoesNotContain('\n', message);
    }

    [SkippableFact]
    public void A_file_that_does_not_load_is_no_reason_to_stop()
        => Assert.Contains("file too short", Assert.Throws<DllNotFoundException>(
            () => new PatchedCopy("not a library"u8.ToArray(), "libx.so").Load(_folder.Path, null, _folder.Path)).Message);
}
