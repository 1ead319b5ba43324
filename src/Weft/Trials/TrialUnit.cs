using System.Text;
using Weft.Core;
using Weft.Core.Linux;
using Weft.Installation;

namespace Weft.Trials;

/// <summary>What keeps the process that watches a try alive when whoever began the try is gone.</summary>
internal enum Keeper
{
    /// <summary>Only a session of its own (setsid(2)).</summary>
    Session,

    /// <summary>Also a systemd scope of its own, since a login's scope is ended with the login.</summary>
    Scope,

    /// <summary>A systemd service, which is restarted if it is killed.</summary>
    Service,
}

/// <summary>The systemd unit in which a try is watched.</summary>
/// <param name="overlay">The overlay's name.</param>
/// <param name="number">The try's number.</param>
/// <param name="runtimeRoot">The parent of services' runtime directories, which systemd removes with them.</param>
internal sealed class TrialUnit(string overlay, int number, string runtimeRoot = "/run")
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly string[] Namespaces = ["mnt", "net", "pid"];

    private readonly string name = $"weft-try-{overlay}-{number}";

    /// <summary>
    /// The best keeper that is available here. A service runs in systemd's own namespaces, which need not be the host's.
    /// </summary>
    public static Keeper Keeper =>
        !Systemd.Runs || Tool.Find("systemd-run") is null ? Keeper.Session
        : Namespaces.All(IsThatOfSystemd) ? Keeper.Service
        : Keeper.Scope;

    private string RuntimeDirectory => Path.Combine(runtimeRoot, name);

    private string EnvironmentPath => Path.Combine(RuntimeDirectory, "environment");

    /// <summary>The words to put before a command so that it is kept.</summary>
    /// <param name="keeper">The keeper.</param>
    /// <param name="log">The log file of a service; the others inherit standard error.</param>
    public IReadOnlyList<string> Before(Keeper keeper, string log) =>
        keeper switch
        {
            Keeper.Session => ["setsid"],
            Keeper.Scope => ["setsid", .. Run, "--scope", "--"],
            _ =>
            [
                "sh",
                "-c",
                // systemd-run returns when the service has reported that it watches.
                $"\"$@\" && echo {TrialWatch.Ready}",
                "sh",
                .. Run,
                "--service-type=notify",
                "--property=Restart=on-failure",
                "--property=RestartSec=1",
                // However often it is killed.
                "--property=StartLimitIntervalSec=0",
                // If memory runs out, other processes go first.
                "--property=OOMScoreAdjust=-900",
                "--property=StandardOutput=null",
                // The environment may hold a key, and anyone who may query systemd can see a unit's settings, but not this file.
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

    /// <summary>
    /// <summary>Writes this process's environment to a file that the service reads each time it starts, and that goes with
    /// it.</summary>
    /// </summary>
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

    /// <summary>Removes the environment file again if no service was started.</summary>
    public void TakeEnvironment()
    {
        try
        {
            Directory.Delete(RuntimeDirectory, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is readable by root only, and gone at the next boot.
        }
    }

    private static bool IsThatOfSystemd(string kind)
    {
        return Of("1") is { } theirs && theirs == Of("self");

        string? Of(string process) => new FileInfo($"/proc/{process}/ns/{kind}").LinkTarget;
    }
}
