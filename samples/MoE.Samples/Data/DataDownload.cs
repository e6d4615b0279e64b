using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace MoE.Samples.Data;

/// <summary>
/// Fetches the files of a data set. A file is written beside its place as <c>.part</c>, held against length and hash, and renamed: what is in place is whole. What an interrupted run left is continued.
/// </summary>
/// <param name="client">Does the requests.</param>
public sealed class DataDownload(HttpClient client)
{
    /// <summary>Fetches what is not in place yet.</summary>
    /// <param name="set">A set whose files have addresses.</param>
    /// <param name="folder">The folder of the set; it is made.</param>
    /// <param name="progress">Takes the bytes in place or fetched so far.</param>
    /// <param name="cancellation">Stops; the next call goes on from there.</param>
    /// <exception cref="HttpRequestException">The server refused or could not be reached.</exception>
    /// <exception cref="InvalidDataException">What came is not the file: another length or hash.</exception>
    public async Task Get(DataSet set, string folder, IProgress<long> progress, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        long before = 0;
        foreach (var file in set.Files)
        {
            string path = Path.Combine(folder, file.Name);
            if (!await Verified(path, file, cancellation).ConfigureAwait(false)) await Get(file, path, before, progress, cancellation).ConfigureAwait(false);
            before += file.Bytes;
            progress.Report(before);
        }
    }

    /// <summary>True if a file has the length and hash it should have.</summary>
    public static async Task<bool> Verified(string path, DataFile file, CancellationToken cancellation)
    {
        if (!File.Exists(path) || new FileInfo(path).Length != file.Bytes) return false;
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false)) == file.Sha256;
    }

    private async Task Get(DataFile file, string path, long before, IProgress<long> progress, CancellationToken cancellation)
    {
        string partial = path + ".part";
        using (var stream = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
        {
            if (stream.Length > file.Bytes) stream.SetLength(0);
            if (stream.Length < file.Bytes) await Fetch(file, stream, before, progress, cancellation).ConfigureAwait(false);
            stream.Flush(flushToDisk: true);
        }

        if (await Verified(partial, file, cancellation).ConfigureAwait(false))
        {
            File.Move(partial, path, overwrite: true);
            return;
        }

        long length = new FileInfo(partial).Length;
        File.Delete(partial);
        throw new InvalidDataException($"{file.Address}: {(length == file.Bytes ? "has another hash" : $"has {length:N0} bytes")} than the {file.Bytes:N0} bytes of {file.Name} with SHA-256 {file.Sha256}");
    }

    private async Task Fetch(DataFile file, FileStream stream, long before, IProgress<long> progress, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, file.Address ?? throw new ArgumentException($"{file.Name} has no address", nameof(file)));
        if (stream.Length > 0) request.Headers.Range = new RangeHeaderValue(stream.Length, null);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        // A server that cannot continue sends the whole file.
        bool continues = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == stream.Length;
        if (!continues) stream.SetLength(0);
        stream.Position = stream.Length;

        using var body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[1 << 16];
        int read;
        while ((read = await body.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0)
        {
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellation).ConfigureAwait(false);
            // A server may send without end.
            if (stream.Position > file.Bytes) return;
            progress.Report(before + stream.Position);
        }

        if (stream.Position < file.Bytes) throw new HttpRequestException($"{file.Address}: the connection ended after {stream.Position:N0} of {file.Bytes:N0} bytes; another try continues there");
    }
}
