using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Installation;
using Weft.Trials;

namespace Weft.Commands;

/// <summary>Wrong usage: what the person typed cannot be done, whatever the state of the hosts.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The overlay file has mistakes.</summary>
internal sealed class InvalidOverlayException(IReadOnlyList<Mistake> mistakes)
    : Exception(string.Join('\n', mistakes))
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<Mistake> Mistakes { get; } = mistakes;
}

/// <summary>An overlay file that was read.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Bytes">What is in it.</param>
/// <param name="Overlay">What that says.</param>
internal sealed record LoadedFile(string Path, ReadOnlyMemory<byte> Bytes, Overlay Overlay);

/// <summary>Finds the overlay that a command is about, and the host.</summary>
internal static class OverlayLoader
{
    /// <summary>The name that stands for standard input in place of a file.</summary>
    public const string StandardInput = "-";

    // It can be read once.
    private static readonly Lazy<byte[]> standardInput = new(() =>
    {
        using var stream = Console.OpenStandardInput();
        var bytes = new byte[OverlayFile.MaxBytes + 1];
        return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    });

    /// <summary>The overlay file's bytes.</summary>
    public static byte[] Bytes(string file) =>
        file == StandardInput ? standardInput.Value : File.ReadAllBytes(file);

    /// <summary>Reads the overlay file that was named, or the first default one that exists.</summary>
    /// <exception cref="UsageException">None was named and no default one exists.</exception>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    public static Overlay Load(string? file, Engine? engine, DatapathChoice? datapath) =>
        Read(InForce(file), engine, datapath).Overlay;

    /// <summary>Reads an overlay file.</summary>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    public static LoadedFile Read(string path, Engine? engine, DatapathChoice? datapath) =>
        path == StandardInput
            ? Of("standard input", standardInput.Value, engine, datapath)
            : Of(OverlayFile.Read(path, out var bytes), path, bytes, engine, datapath);

    /// <summary>An overlay file of which the bytes are known.</summary>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    public static LoadedFile Of(
        string path,
        ReadOnlyMemory<byte> bytes,
        Engine? engine,
        DatapathChoice? datapath
    ) => Of(OverlayFile.Parse(path, bytes.Span), path, bytes, engine, datapath);

    /// <summary>
    /// The overlay file to read: the one that was named, or the first default one that exists; if that is the host's own, the
    /// file that stands in for it while something is tried.
    /// </summary>
    /// <exception cref="UsageException">None was named and no default one exists.</exception>
    public static string InForce(string? file) =>
        PathOf(file) is var path && file is null && path == HostFiles.Overlay
            ? FileInForce.Of(path, TimeProvider.System).Path
            : path;

    private static LoadedFile Of(
        OverlayReadResult result,
        string path,
        ReadOnlyMemory<byte> bytes,
        Engine? engine,
        DatapathChoice? datapath
    )
    {
        var overlay = result.Overlay ?? throw new InvalidOverlayException(result.Mistakes);
        overlay = overlay with
        {
            Datapath = datapath ?? overlay.Datapath,
            Containers = engine is { } standIn
                ? [.. overlay.Containers.Select(container => container with { Engine = standIn })]
                : overlay.Containers,
            Selections = engine is { } other
                ?
                [
                    .. overlay.Selections.Select(selection =>
                        selection with
                        {
                            Engine = selection.Engine is null ? null : other,
                        }
                    ),
                ]
                : overlay.Selections,
        };
        return new LoadedFile(path, bytes, overlay);
    }

    /// <summary>The overlay file that was named, or the first default one that exists.</summary>
    /// <exception cref="UsageException">None was named and no default one exists.</exception>
    public static string PathOf(string? file) =>
        file
        ?? CommonOptions.DefaultFiles.FirstOrDefault(File.Exists)
        ?? throw new UsageException(
            $"no overlay file: name one, or put it at {string.Join(" or ", CommonOptions.DefaultFiles)}"
        );

    /// <summary>The host that was named or that this machine is; null if it is none of the overlay's.</summary>
    /// <exception cref="UsageException">A host was named that the overlay does not have.</exception>
    public static string? FindHost(Overlay overlay, string? named)
    {
        var wanted = named ?? Hostname.Own;
        var host =
            overlay.Hosts.FirstOrDefault(host => host.Name == wanted)
            ?? overlay.Hosts.FirstOrDefault(host => host.Name == Hostname.WithoutDomain(wanted));
        return host is null && named is not null
            ? throw new UsageException(
                $"overlay '{overlay.Name}' has no host '{named}': it has {Names(overlay)}"
            )
            : host?.Name;
    }

    /// <summary>The host that was named or that this machine is.</summary>
    /// <exception cref="UsageException">It is none of the overlay's.</exception>
    public static string RequireHost(Overlay overlay, string? named) =>
        FindHost(overlay, named)
        ?? throw new UsageException(
            $"this machine is called '{Hostname.Own}', and overlay '{overlay.Name}' has no such host: "
                + $"it has {Names(overlay)}. Run weft on one of them, or say which one this is with --as"
        );

    private static string Names(Overlay overlay)
    {
        const int Shown = 10;
        var names = string.Join(", ", overlay.Hosts.Take(Shown).Select(host => host.Name));
        return overlay.Hosts.Length > Shown ? $"{names}, … ({overlay.Hosts.Length})" : names;
    }
}
