using System.Collections.Immutable;
using System.Text;
using Weft.Core.Overlays;

namespace Weft.Installation;

/// <summary>The files that <c>weft install</c> puts in place so that a host restores its overlay at boot.</summary>
internal static class HostFiles
{
    /// <summary>The agent's service.</summary>
    public const string Agent = "weft-agent.service";

    /// <summary>The service that restores the overlay at boot.</summary>
    public const string Restoring = "weft.service";

    /// <summary>The services, in the order in which they start.</summary>
    public static readonly ImmutableArray<string> Services =
    [
        "weft-guard.service",
        Restoring,
        Agent,
    ];

    /// <summary>The path of the overlay file on a host.</summary>
    public const string Overlay = "/etc/weft/overlay.yaml";

    /// <summary>The path of the Debian package's program, which its services run.</summary>
    public const string PackagedProgram = "/usr/bin/weft";

    /// <summary>The directory of the administrator's own units, and of drop-ins for those of packages.</summary>
    public const string Units = "/etc/systemd/system";

    // How the first line of the text files begins that `weft install` puts in place.
    private const string Mark = "# Put here by `weft install`";

    private const string PackagedUnits = "/usr/lib/systemd/system";

    private const string ProgramMark = "@PROGRAM@";
    private const string HostMark = "@HOST@";

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

    /// <summary>The drop-in that keeps the switch from starting without the guard.</summary>
    public const string Hold = $"{Units}/ovs-vswitchd.service.d/weft.conf";

    /// <summary>The paths of the files that may be put in place and whose first line says so.</summary>
    public static IEnumerable<string> Marked =>
        [.. Services.Select(service => $"{Units}/{service}"), .. Services.Select(DropInOf), Hold];

    /// <summary>Whether a file's first line says that it was put in place.</summary>
    /// <param name="path">Its path, from this process's root.</param>
    public static bool IsMarked(string path) =>
        File.Exists(path)
        && File.ReadLines(path).FirstOrDefault() is { } line
        && line.StartsWith(Mark, StringComparison.Ordinal);

    /// <summary>Whether a host has the services from the Debian package, which keeps their files.</summary>
    /// <param name="placement">The host's file system.</param>
    public static bool ArePackaged(Placement placement) =>
        File.Exists(placement.At($"{PackagedUnits}/{Services[0]}"));

    /// <summary>
    /// Whether a host runs the package's services: units of <c>weft install</c> take precedence over them (systemd.unit(5)).
    /// </summary>
    /// <param name="placement">The host's file system.</param>
    public static bool RunPackaged(Placement placement) =>
        ArePackaged(placement) && !IsMarked(placement.At($"{Units}/{Agent}"));

    /// <summary>The services that a host has.</summary>
    /// <param name="placement">The host's file system.</param>
    public static IEnumerable<string> ServicesOn(Placement placement)
    {
        var (isPackaged, placed) = (ArePackaged(placement), placement.Placed);
        return Services.Where(service => isPackaged || placed.Contains($"{Units}/{service}"));
    }

    /// <summary>The links that enable services (systemctl(1), enable), whatever they point to.</summary>
    /// <param name="placement">The host's file system.</param>
    /// <param name="services">The services' names.</param>
    public static string[] Enabling(Placement placement, IReadOnlyCollection<string> services) =>
        Directory.Exists(placement.At(Units))
            ?
            [
                .. Directory
                    .EnumerateDirectories(placement.At(Units), "*.wants")
                    .SelectMany(Directory.EnumerateFileSystemEntries)
                    .Where(path => services.Contains(Path.GetFileName(path)))
                    .Order(StringComparer.Ordinal),
            ]
            : [];

    /// <summary>Whether the host's own overlay file exists, is valid, and has encrypted tunnels.</summary>
    /// <param name="placement">The host's file system.</param>
    public static bool IsEncrypted(Placement placement) =>
        Core.Overlays.OverlayFile.Read(placement.At(Overlay)).Overlay?.Tunnels.Ipsec is not null;

    /// <summary>
    /// A warning if the switch does not wait for the guard at boot though the overlay is encrypted; null if it waits, or if
    /// nothing of Weft's starts at boot. Encryption may have been added after <c>weft install</c> was run.
    /// </summary>
    /// <param name="placement">The host's file system.</param>
    public static string? WhyUnheld(Placement placement) =>
        !File.Exists(placement.At(Hold))
        && Enabling(placement, [Services[0]]).Length > 0
        && IsEncrypted(placement)
            ? $"Open vSwitch does not wait for the guard when this host boots ({Hold} is not there), and should the guard fail then, tunnels send in plaintext: `weft install` puts that right"
            : null;

    /// <summary>All files except the overlay file.</summary>
    /// <param name="program">The program's path on the host.</param>
    /// <param name="binary">The program's content; null if it stays where it is.</param>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">This host's name in it; null where the hostname tells.</param>
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
            yield return Text($"{Units}/{service}", Filled(Resource.Text(service), program, host));
        }
        foreach (var file in HoldOf(overlay))
        {
            yield return file;
        }
    }

    /// <summary>The files that a host with the Debian package needs as well.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">This host's name in it; null where the hostname tells.</param>
    public static IEnumerable<HostFile> BesidesThePackage(Overlay overlay, string? host)
    {
        if (host is not null)
        {
            foreach (var service in Services)
            {
                yield return Text(
                    DropInOf(service),
                    Filled(CommandsOf(Resource.Text(service)), PackagedProgram, host)
                );
            }
        }
        foreach (var file in HoldOf(overlay))
        {
            yield return file;
        }
    }

    // Sorts before override.conf of `systemctl edit`, which must have the last word (systemd.unit(5)).
    private static string DropInOf(string service) => $"{Units}/{service}.d/10-weft.conf";

    private static IEnumerable<HostFile> HoldOf(Overlay overlay) =>
        overlay.Tunnels.Ipsec is null ? [] : [Text(Hold, Resource.Text("ovs-vswitchd.conf"))];

    // Commands in a drop-in are added to the unit's, unless an empty assignment clears these first (systemd.service(5)).
    private static string CommandsOf(string unit) =>
        $"{Mark}: which of the overlay's hosts this is.\n[Service]\n"
        + string.Concat(
            unit.Split('\n')
                .Where(line => line.Contains(HostMark, StringComparison.Ordinal))
                .Select(line =>
                    $"{line[..(line.IndexOf('=', StringComparison.Ordinal) + 1)]}\n{line}\n"
                )
        );

    private static string Filled(string unit, string program, string? host) =>
        unit.Replace(ProgramMark, program, StringComparison.Ordinal)
            .Replace(HostMark, host is null ? "" : $" --as {host}", StringComparison.Ordinal);

    private static HostFile Text(string path, string text) =>
        new(path, Encoding.UTF8.GetBytes(text), ReadByAll);

    /// <summary>The overlay file, which may hold a key.</summary>
    public static HostFile OverlayFile(ReadOnlyMemory<byte> content) =>
        new(Overlay, content, UnixFileMode.UserRead | UnixFileMode.UserWrite, Stays: true);
}

/// <summary>A file to put in place.</summary>
/// <param name="Path">Its path, from the host's root.</param>
/// <param name="Content">Its content.</param>
/// <param name="Mode">Its permissions.</param>
/// <param name="Stays">Whether it stays when the others are uninstalled.</param>
internal sealed record HostFile(
    string Path,
    ReadOnlyMemory<byte> Content,
    UnixFileMode Mode,
    bool Stays = false
);
