namespace Weft.Core.Overlays;

/// <summary>Reads the one file that describes an overlay, and finds every mistake in it in one run.</summary>
public static class OverlayFile
{
    /// <summary>The largest file in bytes that is read. 1,000 hosts of 50 containers each need a quarter to half of it.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private const int UsualBytes = 4 * 1024;

    /// <summary>Reads the file at <paramref name="path"/>; a file that cannot be read gives a mistake too.</summary>
    public static OverlayReadResult Read(string path) => Read(path, out _);

    /// <summary>Reads the file at <paramref name="path"/>; a file that cannot be read gives a mistake too.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">The bytes that were read.</param>
    public static OverlayReadResult Read(string path, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        try
        {
            if (Directory.Exists(path))
            {
                return Unreadable(path, "this is a directory: name the overlay file in it");
            }
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            bytes = ReadBytes(stream);
            return Parse(path, bytes.Span);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return Unreadable(path, "there is no such file: check the name and the directory");
        }
        catch (UnauthorizedAccessException)
        {
            return Unreadable(path, "you may not read this file: check its owner and mode");
        }
        catch (Exception error)
            when (error is IOException or ArgumentException or NotSupportedException)
        {
            return Unreadable(path, $"the file cannot be read: {error.Message}");
        }
    }

    /// <summary>Reads an overlay from a stream, at most <see cref="MaxBytes"/> and one byte more.</summary>
    /// <param name="name">The file's name in mistakes.</param>
    /// <param name="stream">The file's bytes; it is not closed.</param>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static OverlayReadResult Parse(string name, Stream stream) =>
        Parse(name, ReadBytes(stream).Span);

    /// <summary>Reads an overlay from bytes.</summary>
    /// <param name="name">The file's name in mistakes.</param>
    /// <param name="bytes">The file's bytes, UTF-8 with or without a byte order mark.</param>
    public static OverlayReadResult Parse(string name, ReadOnlySpan<byte> bytes)
    {
        var mistakes = new Mistakes(name);
        var overlay = Read(bytes, mistakes);
        return mistakes.Any ? new(null, mistakes.InOrder()) : new(overlay, []);
    }

    private static Overlay? Read(ReadOnlySpan<byte> bytes, Mistakes mistakes)
    {
        if (bytes.Length > MaxBytes)
        {
            mistakes.Add(
                Position.WholeFile,
                "the file is larger than 16 MiB, which no overlay needs: is it the right file?"
            );
            return null;
        }
        if (FileText.Decode(bytes, mistakes) is not { } text)
        {
            return null;
        }
        var root = YamlTree.Read(text, mistakes);
        if (root is null or YamlScalar { IsNull: true })
        {
            if (!mistakes.Any)
            {
                mistakes.Add(
                    Position.Beginning,
                    "the file is empty: an overlay has a 'name' and 'hosts' at least"
                );
            }
            return null;
        }
        var fields = OverlaySchema.Overlay.Shape.Read(root, Place.Root(root.At), mistakes);
        return fields is { } read ? new OverlayBuilder(read.Value, mistakes).Build() : null;
    }

    private static ReadOnlyMemory<byte> ReadBytes(Stream stream)
    {
        var bytes = new byte[UsualBytes];
        var length = 0;
        while (true)
        {
            length += stream.ReadAtLeast(
                bytes.AsSpan(length),
                bytes.Length - length,
                throwOnEndOfStream: false
            );
            if (length < bytes.Length || length > MaxBytes)
            {
                return bytes.AsMemory(0, length);
            }
            Array.Resize(ref bytes, Math.Min(bytes.Length * 4, MaxBytes + 1));
        }
    }

    private static OverlayReadResult Unreadable(string path, string message) =>
        new(null, [new Mistake(path, 0, 0, message)]);
}
