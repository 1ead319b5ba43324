using System.Collections.Immutable;
using System.Text;
using Weft.Core.Overlays;

namespace Weft.Installation;

/// <summary>The files that make a host restore its overlay when it boots: what <c>weft install</c> puts in place.</summary>
internal static class HostFiles
{
    /// <summary>The agent's service.</summary>
    public const string Agent = "weft-agent.service";

    /// <summary>The services, in the order in which they start.</summary>
    public static readonly ImmutableArray<string> Services =
    [
        "weft-guard.service",
        "weft.service",
        Agent,
    ];

    /// <summary>Where the overlay file is on a host.</summary>
    public const string Overlay = "/etc/weft/overlay.yaml";

    private const string Units = "/etc/systemd/system";

    private const UnixFileMode ReadByAll =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead
        | UnixFileMode.OtherRead;

    private const UnixFileMode RunByAll =
        ReadByAll
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherExecute;

    /// <summary>Where the drop-in is that keeps the switch from starting without the guard.</summary>
    public const string Hold = $"{Units}/ovs-vswitchd.service.d/weft.conf";

    /// <summary>All of them but the overlay file.</summary>
    /// <param name="program">The program's path on the host.</param>
    /// <param name="binary">The program itself; null where it stays where it is.</param>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">Which of its hosts this is; null where the hostname says so.</param>
    public static IEnumerable<HostFile> Of(
        string program,
        byte[]? binary,
        Overlay overlay,
        string? host
    )
    {
        if (binary is not null)
        {
            yield return new(program, binary, RunByAll);
        }
        foreach (var service in Services)
        {
            var text = Resource
                .Text(service)
                .Replace("@PROGRAM@", program, StringComparison.Ordinal)
                .Replace("@HOST@", host is null ? "" : $" --as {host}", StringComparison.Ordinal);
            yield return new($"{Units}/{service}", Encoding.UTF8.GetBytes(text), ReadByAll);
        }
        if (overlay.Tunnels.Ipsec is not null)
        {
            yield return new(
                Hold,
                Encoding.UTF8.GetBytes(Resource.Text("ovs-vswitchd.conf")),
                ReadByAll
            );
        }
    }

    /// <summary>The overlay file, which may hold a key.</summary>
    public static HostFile OverlayFile(ReadOnlyMemory<byte> content) =>
        new(Overlay, content, UnixFileMode.UserRead | UnixFileMode.UserWrite, Stays: true);
}

/// <summary>A file that is put in place.</summary>
/// <param name="Path">Where, from the host's root.</param>
/// <param name="Content">What it holds.</param>
/// <param name="Mode">Who may do what with it.</param>
/// <param name="Stays">Whether it stays when the others are removed.</param>
internal sealed record HostFile(
    string Path,
    ReadOnlyMemory<byte> Content,
    UnixFileMode Mode,
    bool Stays = false
);
