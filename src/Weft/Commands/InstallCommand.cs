using System.CommandLine;
using System.Text.RegularExpressions;
using Spectre.Console;
using Weft.Core.History;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft install</c>: has this host restore its overlay whenever it boots.</summary>
internal static partial class InstallCommand
{
    private const string HostnameFile = "/etc/hostname";

    private const string HiddenFromServices =
        "the services may not look into home directories and have a /tmp of their own";

    // What the services cannot see (systemd.exec(5), ProtectHome= and PrivateTmp=).
    private static readonly string[] Hidden =
    [
        "/home/",
        "/root/",
        "/run/user/",
        "/tmp/",
        "/var/tmp/",
    ];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = new Argument<string?>("FILE")
        {
            Description =
                $"The overlay file, or - for standard input, which is copied to {HostFiles.Overlay}; if not given: the one that is there.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var host = CommonOptions.As();
        var prefix = new Option<string>("--prefix")
        {
            Description =
                "Put the program at DIRECTORY/bin/weft. Without this, the program of the Debian package stays where it is.",
            HelpName = "DIRECTORY",
            DefaultValueFactory = _ => "/usr/local",
        };
        var inPlace = new Option<bool>("--in-place")
        {
            Description = "Leave the program where it is, and have the services run it from there.",
        };
        var root = RootOption();
        var fleet = new FleetOptions();
        var noEnable = new Option<bool>("--no-enable")
        {
            Description = "Put the files in place and enable nothing.",
        };
        var command = new WeftCommand(
            "install",
            "Put this program, the overlay file and systemd's services in place, so that a reboot restores the overlay."
        )
        {
            Examples =
            [
                ("weft install overlay.yaml", "this host restores the overlay when it boots"),
                ("weft install", "again, after an update of weft or of the file"),
                ("weft install --all overlay.yaml", "on all hosts, over SSH"),
                (
                    "weft install --root /tmp/image --as host1 overlay.yaml",
                    "into a file system that is not running"
                ),
            ],
        };
        command.AddAll([file, host, prefix, inPlace, noEnable, root, .. fleet.All]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, host))
                {
                    if (
                        new Option[] { prefix, inPlace, root }.Any(option =>
                            parsed.GetResult(option) is { Implicit: false }
                        )
                    )
                    {
                        throw new UsageException(
                            "--prefix, --in-place and --root are for this machine: with --host and --all say with --installed where weft is on the hosts, or nothing"
                        );
                    }
                    await using var hosts = fleet.Open(parsed, parsed.GetValue(file));
                    return await FleetAsk.DoAsync(
                        terminal,
                        hosts,
                        "installing",
                        name =>
                            [
                                "install",
                                "-",
                                "--as",
                                name,
                                .. fleet.IsInstalled(parsed) ? [inPlace.Name] : (string[])[],
                                .. parsed.GetValue(noEnable) ? [noEnable.Name] : (string[])[],
                            ],
                        hosts.File,
                        "They restore the overlay when they boot; `systemctl start weft-agent` on a host makes its agent keep it from now on.",
                        withKeys: true,
                        cancellationToken
                    );
                }
                var placement = new Placement(RootOf(parsed.GetValue(root)));
                var isThisMachine = parsed.GetValue(root) is null;
                if (isThisMachine)
                {
                    HostSession.RequireRoot("installing");
                }
                var path = parsed.GetValue(file) ?? placement.At(HostFiles.Overlay);
                if (
                    path != OverlayLoader.StandardInput
                    && !File.Exists(path)
                    && parsed.GetValue(file) is null
                )
                {
                    throw new UsageException($"there is no {path}: name an overlay file");
                }
                var overlay = OverlayLoader.Load(path, engine: null, datapath: null);
                if (isThisMachine && Path.GetFullPath(path) != HostFiles.Overlay)
                {
                    // What a try goes back to must not change under it.
                    TrialGate.RefuseWhereOpen(new HistoryStore(overlay.Name));
                }
                // An image may be for any host: its own hostname decides when it boots.
                var named = parsed.GetValue(host);
                if (isThisMachine || named is not null)
                {
                    var found = OverlayLoader.RequireHost(overlay, named);
                    if (named is null && !IsNamedAtBoot(found))
                    {
                        named = found;
                        terminal.Notice(
                            $"the services run before this machine is called {found}, which {HostnameFile} does not say: they are told so by --as"
                        );
                    }
                }
                // The package's program and services are kept by the package: only what depends on the overlay is put.
                var isPackaged =
                    parsed.GetResult(prefix) is not { Implicit: false }
                    && HostFiles.ArePackaged(placement)
                    && (!isThisMachine || Self.Command is [HostFiles.PackagedProgram]);
                var binary =
                    isPackaged || parsed.GetValue(inPlace)
                        ? null
                        : await BinaryAsync(cancellationToken);
                var copy = $"{RootOf(Plain(parsed.GetValue(prefix)!)).TrimEnd('/')}/bin/weft";
                IReadOnlyList<string> run =
                    isPackaged ? [HostFiles.PackagedProgram]
                    : binary is null ? Self.Command
                    : [copy];
                var program = string.Join(' ', run.Select(Plain));
                if (run.FirstOrDefault(IsHidden) is { } unseen)
                {
                    terminal.Notice(
                        $"{HiddenFromServices}, and {unseen} is there: put it elsewhere, or nothing of the overlay runs when the host boots"
                    );
                }
                if (!isPackaged && HostFiles.ArePackaged(placement))
                {
                    terminal.Notice(
                        $"the services that are put here go before the Debian package's, and run {program}: newer packages change nothing for them. `{HostFiles.PackagedProgram} install` leaves program and services to the package again"
                    );
                }
                foreach (var hidden in KeysOf(overlay).Where(IsHidden))
                {
                    terminal.Notice(
                        $"{HiddenFromServices}, and {hidden} is there: move it to /etc/weft, or the host has no tunnels after it boots"
                    );
                }
                Put(
                    placement,
                    isPackaged
                        ? HostFiles.BesidesThePackage(overlay, named)
                        : HostFiles.Of(program, binary, overlay, named),
                    program,
                    path,
                    terminal
                );
                if (parsed.GetValue(noEnable) || !isThisMachine || !Systemd.Runs)
                {
                    terminal.Out.WriteLine(
                        isThisMachine && !Systemd.Runs
                            ? "systemd does not run here: nothing is enabled"
                            : $"not enabled; to do so: systemctl enable {string.Join(' ', HostFiles.Services)}"
                    );
                    return ExitCode.Done;
                }
                await Systemd.ControlAsync(cancellationToken, "daemon-reload");
                // Not `enable`, which fails where links of services are left that were elsewhere before.
                await Systemd.ControlAsync(
                    cancellationToken,
                    ["reenable", "--quiet", .. HostFiles.Services]
                );
                terminal.Out.WriteLine(
                    $"enabled: {string.Join(", ", HostFiles.Services)}; they run at the next boot, and `systemctl start weft-agent` makes the overlay now and keeps it"
                );
                // Even if nothing was replaced here: an update may have put the program in place before.
                await Systemd.ControlAsync(cancellationToken, "try-restart", HostFiles.Agent);
                terminal.Out.WriteLine(
                    "an agent that ran already was started anew, and goes on with this program"
                );
                return ExitCode.Done;
            }
        );
        return command;
    }

    /// <summary>Where the host's file system is.</summary>
    public static Option<string?> RootOption() =>
        new("--root")
        {
            Description =
                "Install into the file system of a host that is not running, in DIRECTORY.",
            HelpName = "DIRECTORY",
        };

    /// <summary>The directory that was named, or this machine's own root.</summary>
    /// <exception cref="UsageException">It is no absolute path.</exception>
    public static string RootOf(string? named) =>
        named is null ? "/"
        : named.StartsWith('/') ? named
        : throw new UsageException(
            $"'{named}' must be an absolute path of a directory: it begins with /"
        );

    /// <summary>
    /// Whether a machine has this name already when it boots: a name that the network gives it comes later (hostname(5)).
    /// </summary>
    private static bool IsNamedAtBoot(string host)
    {
        try
        {
            var name = File.ReadLines(HostnameFile)
                .FirstOrDefault(line => line.Length > 0 && !line.StartsWith('#'))
                ?.Trim();
            return name == host || (name is not null && Hostname.WithoutDomain(name) == host);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsHidden(string path) =>
        Hidden.Any(directory => path.StartsWith(directory, StringComparison.Ordinal));

    /// <summary>The files that hold a host's credentials.</summary>
    private static IEnumerable<string> KeysOf(Overlay overlay) =>
        overlay.Tunnels.Ipsec?.Credentials switch
        {
            KeyFile key => [key.Path],
            CertificateFiles files => [files.Authority, files.Certificate, files.Key],
            _ => [],
        };

    /// <summary>Says what came of one file.</summary>
    public static void Say(Output terminal, char sign, string path, string remark = "") =>
        terminal.Out.WriteLine($"  {sign} {path}{(remark.Length == 0 ? "" : $"  {remark}")}");

    private static void Put(
        Placement placement,
        IEnumerable<HostFile> wanted,
        string program,
        string path,
        Output terminal
    )
    {
        var own = placement.At(HostFiles.Overlay);
        HostFile[] files =
        [
            .. wanted,
            .. Path.GetFullPath(path) == own
                ? (HostFile[])[]
                : [HostFiles.OverlayFile(OverlayLoader.Bytes(path))],
        ];
        foreach (var file in files)
        {
            var (sign, remark) = placement.Put(file) switch
            {
                Placing.New => ('+', ""),
                Placing.Replaced => ('~', "replaced"),
                _ => ('=', "the same already"),
            };
            Say(terminal, sign, placement.At(file.Path), remark);
        }
        if (Path.GetFullPath(path) == own)
        {
            Placement.Keep(own);
            Say(terminal, '=', own, "kept");
        }
        // Files that an earlier run put elsewhere, or for an overlay that was encrypted then. The program that the services run
        // stays.
        foreach (
            var stale in placement.Placed.Except([program, .. files.Select(file => file.Path)])
        )
        {
            if (placement.Remove(stale))
            {
                Say(terminal, '-', placement.At(stale), "not needed any more");
            }
        }
    }

    private static Task<byte[]> BinaryAsync(CancellationToken cancellationToken) =>
        File.ReadAllBytesAsync(
            Self.OneFile
                ?? throw new UsageException(
                    $"{Self.Command[^1]} is a build for development, which is more than one file: "
                        + "install the binary of `./build.sh publish`, or leave this one where it is with --in-place"
                ),
            cancellationToken
        );

    /// <summary>Refuses a path that would mean something else in a unit file.</summary>
    private static string Plain(string path) =>
        PlainPath().IsMatch(path)
            ? path
            : throw new UsageException(
                $"'{path}' cannot be in a service: use letters, digits and / . _ + - only"
            );

    [GeneratedRegex("^[A-Za-z0-9/._+-]+$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex PlainPath();
}
