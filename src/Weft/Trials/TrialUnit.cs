using System.Text;
using Weft.Core;
using Weft.Core.Linux;
using Weft.Installation;

namespace Weft.Trials;

/// <summary>What keeps the process that watches over a try running, whatever ends who began it.</summary>
internal enum Keeper
{
    /// <summary>Nothing but a session of its own (setsid(2)).</summary>
    Session,

    /// <summary>A scope of systemd's too, as the one of a login is ended with the login.</summary>
    Scope,

    /// <summary>A service of systemd's, which is started again if it is killed.</summary>
    Service,
}

/// <summary>The unit of systemd's in which a try is watched over.</summary>
/// <param name="overlay">The overlay's name.</param>
/// <param name="number">The try's number.</param>
/// <param name="runtimeRoot">Where services have what is gone with them.</param>
internal sealed class TrialUnit(string overlay, int number, string runtimeRoot = "/run")
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly string[] Namespaces = ["mnt", "net", "pid"];

    private readonly string name = $"weft-try-{overlay}-{number}";

    /// <summary>What there is here to keep a process. A service is in the namespaces of systemd itself, which need not be those of the host.</summary>
    public static Keeper Keeper =>
        !Systemd.Runs || Tool.Find("systemd-run") is null ? Keeper.Session
        : Namespaces.All(IsThatOfSystemd) ? Keeper.Service
        : Keeper.Scope;

    private string RuntimeDirectory => Path.Combine(runtimeRoot, name);

    private string EnvironmentPath => Path.Combine(RuntimeDirectory, "environment");

    /// <summary>What a command is put behind for it to be kept.</summary>
    /// <param name="keeper">By what.</param>
    /// <param name="log">Where a service tells what it does; of the others the standard error goes with them.</param>
    public IReadOnlyList<string> Before(Keeper keeper, string log) =>
        keeper switch
        {
            Keeper.Session => ["setsid"],
            Keeper.Scope => ["setsid", .. Run, "--scope", "--"],
            _ =>
            [
                "sh",
                "-c",
                // It has come back once the service has said that it watches.
                $"\"$@\" && echo {TrialWatch.Ready}",
                "sh",
                .. Run,
                "--service-type=notify",
                "--property=Restart=on-failure",
                "--property=RestartSec=1",
                // However often it is killed.
                "--property=StartLimitIntervalSec=0",
                // Where memory runs out something else is to go first.
                "--property=OOMScoreAdjust=-900",
                "--property=StandardOutput=null",
                // A key may be in the environment, and whoever can ask systemd sees what a unit is told, but not this file.
                $"--property=EnvironmentFile=-{EnvironmentPath}",
                $"--property=RuntimeDirectory={name}",
                "--property=RuntimeDirectoryMode=0700",
                "--property=RuntimeDirectoryPreserve=restart",
                "--",
                "sh",
                "-c",
                "exec \"$@\" 2>>\"$0\"",
                log,
            ],
        };

    private IEnumerable<string> Run =>
        [
            "systemd-run",
            "--quiet",
            "--collect",
            $"--unit={name}",
            "--description=Weft: a try that goes back unless it is confirmed",
        ];

    /// <summary>Leaves the environment of this process to the service, as often as it is started. It goes with the service.</summary>
    /// <exception cref="HostException">The directory cannot be made.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void LeaveEnvironment()
    {
        PrivateDirectory.Make(RuntimeDirectory);
        DurableFile.Replace(
            EnvironmentPath,
            Encoding.UTF8.GetBytes(EnvironmentFile.Own),
            OwnerOnly
        );
    }

    /// <summary>Takes the environment away again, where no service came to be.</summary>
    public void TakeEnvironment()
    {
        try
        {
            Directory.Delete(RuntimeDirectory, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is root's alone, and gone with the next boot.
        }
    }

    private static bool IsThatOfSystemd(string kind)
    {
        return Of("1") is { } theirs && theirs == Of("self");

        string? Of(string process) => new FileInfo($"/proc/{process}/ns/{kind}").LinkTarget;
    }
}
