using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weft.Core.Engines;
using Weft.Core.Linux;

namespace Weft.Core.History;

/// <summary>
/// Where a host keeps what was applied: a directory for each overlay that root alone may read, with a list and, each under
/// its hash, the overlay files. Who changes it has the host's lock; reading needs none, as the list is the old one or the
/// new one at every moment, and the files that it names are there before it is.
/// </summary>
internal sealed class HistoryStore
{
    private const string Name = "history";

    // Is in memory, and so has room when the disk has none.
    private const string Marks = "/run/weft/tries";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string directory;
    private readonly string mark;

    /// <summary>The store of an overlay.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="root">The directory in which each overlay has its own.</param>
    /// <param name="marks">The directory in which each overlay has its mark of a try that is over.</param>
    public HistoryStore(
        string overlay,
        string root = AddressStore.DefaultDirectory,
        string marks = Marks
    )
    {
        Overlay = overlay;
        directory = System.IO.Path.Combine(root, overlay, Name);
        mark = System.IO.Path.Combine(marks, overlay);
    }

    /// <summary>The overlay's name.</summary>
    public string Overlay { get; }

    /// <summary>The list.</summary>
    public string Path => System.IO.Path.Combine(directory, $"{Name}.json");

    /// <summary>What a try that is carried out and watched writes down of itself.</summary>
    public string LogPath => System.IO.Path.Combine(directory, "try.log");

    /// <summary>The stores of all overlays that this host has or had.</summary>
    public static IEnumerable<HistoryStore> All(string root = AddressStore.DefaultDirectory)
    {
        try
        {
            return
            [
                .. Directory
                    .GetDirectories(root)
                    .Select(path => new HistoryStore(System.IO.Path.GetFileName(path), root))
                    .Where(store => File.Exists(store.Path))
                    .OrderBy(store => store.Overlay, StringComparer.Ordinal),
            ];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>What a file is stored as that no entry names yet; <see cref="HistoryBook.NameOf"/> knows what others are.</summary>
    /// <remarks>Root alone writes here, so nobody has to be kept from finding two files of one name; OpenSSL would be 4 MB of the agent's memory for it.</remarks>
    public static string NameOf(ReadOnlySpan<byte> file) =>
        Convert.ToHexStringLower(XxHash128.Hash(file));

    /// <summary>Whether a file is what was stored under a name.</summary>
    /// <param name="name">The name, which may be one that an earlier Weft gave it.</param>
    /// <param name="file">The file.</param>
    public static bool IsNameOf(string name, ReadOnlySpan<byte> file) =>
        name
        == (
            // Earlier ones were by SHA-256.
            name.Length
            == 2 * SHA256.HashSizeInBytes
                ? Convert.ToHexStringLower(SHA256.HashData(file))
                : NameOf(file)
        );

    /// <summary>Makes the directory where it is not there.</summary>
    /// <exception cref="HostException">It cannot be made.</exception>
    public void Make() => PrivateDirectory.Make(directory);

    /// <summary>Where a stored file is.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(directory, $"{name}.yaml");

    /// <summary>A stored file.</summary>
    /// <exception cref="HostException">It is not there, or is not what it was.</exception>
    public byte[] FileOf(string name)
    {
        var bytes =
            DurableFile.Read(PathOf(name))
            ?? throw new HostException($"{PathOf(name)} is gone: somebody has removed it");
        return IsNameOf(name, bytes)
            ? bytes
            : throw new HostException($"{PathOf(name)} is not what was applied any more");
    }

    /// <summary>The list.</summary>
    /// <exception cref="HostException">It cannot be read, is damaged, or is of a later Weft.</exception>
    public HistoryBook Read()
    {
        if (DurableFile.Read(Path) is not { } bytes)
        {
            return HistoryBook.Empty;
        }
        HistoryBook book;
        try
        {
            using var list = JsonDocument.Parse(bytes);
            var version = HistoryJson.VersionOf(list.RootElement);
            book =
                version == HistoryJson.Version
                    ? new HistoryBook(HistoryJson.EntriesOf(list.RootElement))
                    : throw new HostException(
                        $"{Path} is of version {version}, and this weft knows version {HistoryJson.Version}: install the weft that wrote it, or a later one"
                    );
        }
        catch (Exception exception)
            when (exception
                    is JsonException
                        or InvalidOperationException
                        or FormatException
                        or OverflowException
            )
        {
            throw new HostException(
                $"{Path} is damaged: {exception.Message.TrimEnd('.')}. It says what was applied: move it away, and it begins anew",
                exception
            );
        }
        return book.Open is { State: EntryState.Trying } && DurableFile.Read(mark) is { } reason
            ? book.Settle(EntryState.Reverting, now: default, Encoding.UTF8.GetString(reason))
            : book;
    }

    /// <summary>
    /// Has the open try read as one that goes back, where that cannot be written into the list: by a mark that lasts until a list
    /// can be written, or the machine is started anew, with which a try is over anyway.
    /// </summary>
    /// <param name="reason">Why it goes back.</param>
    /// <exception cref="HostException">The mark cannot be made either.</exception>
    public void MarkOver(string reason)
    {
        try
        {
            PrivateDirectory.Make(System.IO.Path.GetDirectoryName(mark)!);
            DurableFile.Replace(mark, Encoding.UTF8.GetBytes(reason), OwnerOnly);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"{mark} cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Puts a list in place of the one that is there, and removes the files that it does not name. It is on the disk when this returns.</summary>
    /// <param name="book">The list.</param>
    /// <param name="files">Files that it names and that are not stored yet.</param>
    /// <exception cref="HostException">It cannot be written.</exception>
    public void Write(HistoryBook book, params IEnumerable<ReadOnlyMemory<byte>> files)
    {
        Make();
        try
        {
            foreach (var file in files)
            {
                // An upgrade may have left it two names, by each of which an entry is to find it.
                foreach (var name in book.Files.Where(name => IsNameOf(name, file.Span)))
                {
                    DurableFile.Replace(PathOf(name), file.Span, OwnerOnly);
                }
            }
            DurableFile.Replace(Path, HistoryJson.Format(book.Entries), OwnerOnly);
            if (File.Exists(mark))
            {
                File.Delete(mark);
            }
            var named = book.Files.Select(PathOf).ToHashSet(StringComparer.Ordinal);
            foreach (var path in Directory.GetFiles(directory, "*.yaml"))
            {
                if (!named.Contains(path))
                {
                    File.Delete(path);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException(
                $"what is applied cannot be written down in {directory}: {exception.Message}",
                exception
            );
        }
    }
}
