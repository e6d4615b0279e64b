using System.Net;
using System.Security.Cryptography;
using MoE.Samples.Data;
using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Data;

public sealed class DataDownloadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _content = [.. Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 31 >> 3))];
    private readonly HttpClient _client = new();

    private string Path => System.IO.Path.Combine(_folder.Path, "set", "file.bin");

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_file_arrives_whole_and_is_not_fetched_twice()
    {
        using var server = new LoopbackServer(Continue);
        var progress = new Bytes();
        await Get(server, progress);
        await Get(server, progress);
        Assert.Equal(_content, await File.ReadAllBytesAsync(Path));
        Assert.Equal([null], server.Ranges);
        Assert.Equal(_content.Length, progress.Values[^1]);
        Assert.Equal(progress.Values.Order(), progress.Values);
        Assert.False(File.Exists(Path + ".part"));
    }

    [Fact]
    public async Task What_was_interrupted_goes_on_from_there()
    {
        using var server = new LoopbackServer(context =>
        {
            if (context.Request.Headers["Range"] is not null)
            {
                Continue(context);
                return;
            }

            context.Response.ContentLength64 = _content.Length;
            context.Response.OutputStream.Write(_content, 0, 100_000);
            context.Response.OutputStream.Flush();
            context.Response.Abort();
        });
        await Assert.ThrowsAnyAsync<Exception>(() => Get(server));
        Assert.False(File.Exists(Path));
        long kept = new FileInfo(Path + ".part").Length;
        Assert.InRange(kept, 1, 100_000);
        await Get(server);
        Assert.Equal([null, $"bytes={kept}-"], server.Ranges);
        Assert.Equal(_content, await File.ReadAllBytesAsync(Path));
    }

    [Fact]
    public async Task A_server_that_cannot_continue_is_read_from_the_start()
    {
        using var server = new LoopbackServer(context => context.Response.OutputStream.Write(_content));
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        await File.WriteAllBytesAsync(Path + ".part", new byte[1000]);
        await Get(server);
        Assert.Equal(["bytes=1000-"], server.Ranges);
        Assert.Equal(_content, await File.ReadAllBytesAsync(Path));
    }

    [Fact]
    public async Task Stopping_keeps_what_is_there_for_the_next_time()
    {
        using var server = new LoopbackServer(Continue);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Get(server, new Bytes { Then = _ => stop.Cancel() }, stop.Token));
        Assert.False(File.Exists(Path));
        await Get(server);
        Assert.Equal(_content, await File.ReadAllBytesAsync(Path));
    }

    [Theory]
    [InlineData(0, "another hash")]
    [InlineData(1, "has 300,001 bytes")]
    public async Task Another_file_is_refused_and_leaves_nothing(int longer, string expected)
    {
        byte[] other = [.. Enumerable.Repeat((byte)7, _content.Length + longer)];
        using var server = new LoopbackServer(context => context.Response.OutputStream.Write(other));
        var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => Get(server));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(System.IO.Path.GetDirectoryName(Path)!));
    }

    [Fact]
    public async Task A_file_without_end_is_cut()
    {
        long sent = 0;
        using var server = new LoopbackServer(context =>
        {
            context.Response.SendChunked = true;
            byte[] block = new byte[1 << 16];
            for (int i = 0; i < 4000; i++)
            {
                context.Response.OutputStream.Write(block);
                sent += block.Length;
            }
        });
        await Assert.ThrowsAsync<InvalidDataException>(() => Get(server));
        Assert.Empty(Directory.GetFiles(System.IO.Path.GetDirectoryName(Path)!));
    }

    [Fact]
    public async Task A_refusal_of_the_server_is_told()
    {
        using var server = new LoopbackServer(static context => context.Response.StatusCode = 404);
        Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<HttpRequestException>(() => Get(server))).StatusCode);
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void What_is_absent_is_named_with_the_cure()
    {
        var folders = new DataFolders(_folder.Path);
        foreach (var set in DataCatalogue.All.Where(static s => s.Kind != DataKind.BuiltIn))
        {
            string message = Assert.Throws<MissingDataException>(() => folders.Require(set)).Message;
            Assert.Contains(set.Files[0].Name, message, StringComparison.Ordinal);
            Assert.Contains(set.Kind == DataKind.Original ? $"data get {set.Name}" : "data list", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_entry_says_what_it_is_and_originals_can_be_fetched()
    {
        Assert.Equal(DataCatalogue.All.Count, DataCatalogue.All.Select(static s => s.Name).Distinct().Count());
        foreach (var set in DataCatalogue.All)
        {
            Assert.All(new[] { set.Title, set.Licence, set.Citation, set.Origin }, Assert.NotEmpty);
            Assert.Equal(set.Kind == DataKind.BuiltIn, set.Open is not null);
            foreach (var file in set.Files)
            {
                Assert.Equal(64, file.Sha256.Count(char.IsAsciiHexDigitLower));
                Assert.True(file.Bytes > 0);
                Assert.Equal(set.Kind == DataKind.Original ? Uri.UriSchemeHttps : null, file.Address?.Scheme);
            }
        }
    }

    private Task Get(LoopbackServer server, Bytes? progress = null, CancellationToken cancellation = default)
    {
        var file = new DataFile("file.bin", _content.Length, Convert.ToHexStringLower(SHA256.HashData(_content)), new Uri(server.Address, "file.bin"));
        var set = new DataSet("set", "", "", "", DataKind.Original, [file], "");
        return new DataDownload(_client).Get(set, System.IO.Path.GetDirectoryName(Path)!, progress ?? new Bytes(), cancellation);
    }

    private void Continue(HttpListenerContext context)
    {
        int from = context.Request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..^1]) : 0;
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers["Content-Range"] = $"bytes {from}-{_content.Length - 1}/{_content.Length}";
        }

        context.Response.ContentLength64 = _content.Length - from;
        context.Response.OutputStream.Write(_content, from, _content.Length - from);
    }

    private sealed class Bytes : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public Action<long>? Then { get; init; }

        public void Report(long value)
        {
            Values.Add(value);
            Then?.Invoke(value);
        }
    }
}
