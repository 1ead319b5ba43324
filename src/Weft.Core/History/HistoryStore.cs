using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weft.Core.Engines;
using Weft.Core.Linux;

namespace Weft.Core.History;

/// <summary>
/// The history of an overlay on disk: a directory for each overlay, readable by root alone, with a list and the overlay files,
/// each named by its hash. Writers must hold the host's lock. Readers need none: the list is always either the old or the new
/// one, and the files it names are written before it.
/// </summary>
internal sealed class HistoryStore
{
    private const string Name = "history";

    // A file system in memory, which has room even when the disk is full.
    private const string Marks = "/run/weft/tries";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string directory;
    private readonly string mark;

    /// <summary>Creates the store of an overlay.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="root">The parent of the overlays' directories.</param>
    /// <param name="marks">The directory in which a mark named after the overlay says that its try is over.</param>
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

    /// <summary>The path of the list.</summary>
    public string Path => System.IO.Path.Combine(directory, $"{Name}.json");

    /// <summary>The log that a try writes while it runs.</summary>
    public string LogPath => System.IO.Path.Combine(directory, "try.log");

    /// <summary>The stores of all overlays that this host has or ever had.</summary>
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

    /// <summary>
    /// The name under which to store a file that no entry names yet; for others see <see cref="HistoryBook.NameOf"/>.
    /// </summary>
    /// <remarks>
    /// The hash need not resist deliberate collisions, since only root writes here; a cryptographic one would load OpenSSL, which
    /// takes 4 MB of the agent's memory.
    /// </remarks>
    public static string NameOf(ReadOnlySpan<byte> file) =>
        Convert.ToHexStringLower(XxHash128.Hash(file));

    /// <summary>Whether a file is the one stored under a name.</summary>
    /// <param name="name">The name, possibly one given by an earlier Weft.</param>
    /// <param name="file">The file.</param>
    public static bool IsNameOf(string name, ReadOnlySpan<byte> file) =>
        name
        == (
            // An earlier Weft named files by their SHA-256.
            name.Length
            == 2 * SHA256.HashSizeInBytes
                ? Convert.ToHexStringLower(SHA256.HashData(file))
                : NameOf(file)
        );

    /// <summary>Creates the directory if it does not exist.</summary>
    /// <exception cref="HostException">It cannot be created.</exception>
    public void Make() => PrivateDirectory.Make(directory);

    /// <summary>The path of a stored file.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(directory, $"{name}.yaml");

    /// <summary>Reads a stored file.</summary>
    /// <exception cref="HostException">It is missing, or was changed.</exception>
    public byte[] FileOf(string name)
    {
        var bytes =
            DurableFile.Read(PathOf(name))
            ?? throw new HostException($"{PathOf(name)} is gone: somebody has removed it");
        return IsNameOf(name, bytes)
            ? bytes
            : throw new HostException($"{PathOf(name)} is not what was applied any more");
    }

    /// <summary>Reads the list.</summary>
    /// <exception cref="HostException">It cannot be read, is damaged, or was written by a later Weft.</exception>
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
    /// Marks the open try as being reverted, for when the list cannot be written. The mark lasts until a list can be written, or
    /// until a reboot, which ends the try anyway.
    /// </summary>
    /// <param name="reason">Why it is reverted.</param>
    /// <exception cref="HostException">The mark cannot be written either.</exception>
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

    /// <summary>
    /// Replaces the list, and removes the files that it does not name. The new list is on disk when this returns.
    /// </summary>
    /// <param name="book">The new list.</param>
    /// <param name="files">The files that it names and that are not stored yet.</param>
    /// <exception cref="HostException">It cannot be written.</exception>
    public void Write(HistoryBook book, params IEnumerable<ReadOnlyMemory<byte>> files)
    {
        Make();
        try
        {
            foreach (var file in files)
            {
                // After an upgrade, entries may know one file by two names; it is stored under both.
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
