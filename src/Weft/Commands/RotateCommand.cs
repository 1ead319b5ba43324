using System.CommandLine;
using Spectre.Console;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Fleet;
using Weft.Installation;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft rotate</c>: a new shared key takes the old one's place, one step after the other on every host.</summary>
internal static class RotateCommand
{
    /// <summary>The command with its steps.</summary>
    public static Command Create() =>
        new WeftCommand(
            "rotate",
            "Replace the key that hosts share, without a moment in which two of them cannot agree: three steps, each taken on every host before the next."
        )
        {
            Examples =
            [
                ("weft rotate accept new.psk", "1. on every host: accept the new key too"),
                ("weft rotate use new.psk", "2. on every host: prove oneself with it"),
                ("weft rotate finish new.psk", "3. on every host: accept the old key no more"),
                ("weft rotate accept new.psk --all", "a step on all hosts, over SSH"),
            ],
            Subcommands =
            {
                Step(
                    RotationStep.Accept,
                    "Accept the new key from other hosts, and go on proving oneself with the old one.",
                    "`weft rotate use`"
                ),
                Step(
                    RotationStep.Use,
                    "Prove oneself with the new key, and go on accepting the old one: associations are negotiated anew.",
                    "`weft rotate finish`"
                ),
                Step(RotationStep.Finish, "Accept the old key no more.", null),
            },
        };

    private static WeftCommand Step(RotationStep step, string description, string? next)
    {
        var name = step.ToString().ToLowerInvariant();
        var key = new Argument<string>("NEW")
        {
            Description =
                "A file that holds the new key, the same on every host, that only its owner may read; or - for standard input.",
        };
        var options = new HostOptions();
        var timeout = CommonOptions.Timeout();
        var fleet = new FleetOptions();
        var command = new WeftCommand(name, description)
        {
            ChangesHost = true,
            Examples =
            [
                ($"weft rotate {name} new.psk", "of the overlay file in its usual place"),
                ($"weft rotate {name} new.psk overlay.yaml --as host1", "of this one"),
            ],
        };
        command.AddAll([key, .. options.With([timeout, .. fleet.All])]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, options.Host))
                {
                    await using var hosts = fleet.Open(parsed, options);
                    return await FleetAsk.DoAsync(
                        terminal,
                        hosts,
                        name,
                        // By the file that each host has: the key takes standard input.
                        host =>
                            [
                                "rotate",
                                name,
                                "-",
                                HostFiles.Overlay,
                                "--as",
                                host,
                                .. options.Overrides(parsed),
                            ],
                        KeyOf(parsed.GetValue(key)!).Reveal().ToArray(),
                        next is null
                            ? "The old key is of no use any more."
                            : $"When every host has taken this step: {next} on every host.",
                        withKeys: false,
                        cancellationToken
                    );
                }
                var overlay = options.Load(parsed);
                if (overlay.Tunnels.Ipsec is { Manager: IpsecManager.OpenVSwitch })
                {
                    throw new UsageException(
                        "ovs-monitor-ipsec knows one key for a tunnel, so that two hosts cannot agree while one has the new key: put it into the file of every host and apply there, one soon after the other"
                    );
                }
                var file = FileOf(overlay.Tunnels.Ipsec?.Credentials);
                var patience = TimeSpan.FromSeconds(parsed.GetValue(timeout));
                await using var session = await options.OpenAsync(parsed, cancellationToken);
                await session.LockAsync(patience, new Notices(terminal), cancellationToken);
                var observation = await session.ObserveAsync(cancellationToken);
                var before = Planner.Plan(session.Intend(observation), observation);
                if (!before.IsEmpty || !before.Conflicts.IsEmpty)
                {
                    throw new HostException(
                        "this host is not as the overlay file says, and so nothing was rotated: run `weft apply` first"
                    );
                }
                var keys = observation.Credentials!.SharedKeys;
                var after = KeyRotation.After(step, keys, KeyOf(parsed.GetValue(key)!));
                if (!after.SequenceEqual(keys))
                {
                    KeyFileWriter.Write(file, after);
                }
                var run = new ApplyRun(terminal, session, patience);
                var outcome = await run.CarryOutAsync(
                    await run.LookAsync(cancellationToken),
                    cancellationToken
                );
                if (outcome.Code != ExitCode.Done || !outcome.Down.IsEmpty)
                {
                    return ExitCode.Failed;
                }
                terminal.Out.WriteLine(
                    next is null
                        ? "When every host has taken this step, the old key is of no use any more."
                        : $"When every host has taken this step: {next} on every host."
                );
                return ExitCode.Done;
            }
        );
        return command;
    }

    private static Secret KeyOf(string file) =>
        file == OverlayLoader.StandardInput
            ? CredentialsReader.SharedKeyOf(Console.In.ReadToEnd(), "standard input")
            : CredentialsReader.ReadKey(file);

    private static string FileOf(IpsecCredentials? credentials) =>
        credentials switch
        {
            KeyFile file => file.Path,
            null => throw new UsageException(
                "the overlay has no `ipsec`: there is no key to replace"
            ),
            CertificateFiles => throw new UsageException(
                "the hosts of this overlay know each other by certificates: those are replaced by `weft pki renew`, and their authority by `weft pki init --next`"
            ),
            KeyVariable variable => throw new UsageException(
                $"the key is in the variable {variable.Name}, which weft cannot change: put the new key on its second line and apply everywhere, then on its first, then alone"
            ),
            _ => throw new UsageException(
                "the key stands in the overlay file itself, which holds one only: move it to a file (`psk: { file: /etc/weft/psk }`), apply everywhere, and rotate then"
            ),
        };
}
