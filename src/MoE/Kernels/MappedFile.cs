using System.IO.MemoryMappedFiles;

namespace MoE;

/// <summary>A whole file in memory, for reading. Unmapped by disposal or finalisation; whoever points into it keeps a reference to this.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _data;

    /// <exception cref="InvalidDataException">The file is empty.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public MappedFile(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            Length = stream.Length;
            if (Length == 0) throw new InvalidDataException("the file is empty");
            _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        }
        catch
        {
            stream.Dispose();
            GC.SuppressFinalize(this);
            throw;
        }

        try
        {
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            byte* start = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            _data = start + _view.PointerOffset;
        }
        catch
        {
            _view?.Dispose();
            _file.Dispose();
            GC.SuppressFinalize(this);
            throw;
        }
    }

    ~MappedFile() => Release();

    public long Length { get; }

    public byte* Data => _data;

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (_data == null) return;
        _data = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
