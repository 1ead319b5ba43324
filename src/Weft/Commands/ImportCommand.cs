using System.CommandLine;
using System.Text;
using Spectre.Console;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.Importing;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft import</c>: the overlay file of hosts that were set up by hand.</summary>
internal static class ImportCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var readings = new Argument<string[]>("READING")
        {
            Description =
                "What hosts look like, as `weft import --json` printed it on each; if none is given: this host.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        readings.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0))
            {
                result.AddError("A READING is empty: name a file, or leave it out.");
            }
        });
        var lab = CommonOptions.Lab(
            "Read every host of this lab; of the only one where no name is given.",
            mayBeBare: true
        );
        var into = new Option<string?>("--out", "-o")
        {
            Description = "Write the overlay file here, where none may be yet; else it is printed.",
            HelpName = "FILE",
        };
        var name = new Option<string>("--name")
        {
            Description = "The name of the overlay.",
            HelpName = "NAME",
            DefaultValueFactory = _ => "imported",
        };
        var @switch = new Option<string?>("--switch")
        {
            Description =
                "The Open vSwitch bridge to read; if not given: the one that the tunnels are in.",
            HelpName = "NAME",
        };
        var json = new Option<bool>("--json")
        {
            Description = "Print what this host looks like as JSON, to be a READING elsewhere.",
        };
        // The overlay file, by which other commands know the hosts, is only about to be written.
        var fleet = new FleetOptions(hasOverlay: false);
        var database = CommonOptions.Database();
        var command = new WeftCommand(
            "import",
            "Read hosts that were set up by hand and write the overlay file that describes them. "
                + $"Changes nothing, except that a key found in tunnels (options:psk) is stored in {OverlayImport.KeyFile}."
        )
        {
            Examples =
            [
                (
                    "weft import --out overlay.yaml",
                    "this host alone; the others get names by their addresses"
                ),
                (
                    "weft import --host host1,root@192.0.2.2 --out overlay.yaml",
                    "hosts that ssh reaches, from a machine that is none of them"
                ),
                ("weft import --json > host1.json", "on each host, and then"),
                ("weft import host1.json host2.json --out overlay.yaml", "all of them in one file"),
                ("weft plan --adopt overlay.yaml", "what Weft would improve"),
            ],
        };
        command.AddAll([readings, lab, into, name, @switch, json, database, .. fleet.All]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var files = parsed.GetValue(readings) ?? [];
                var ofLab = parsed.GetResult(lab) is not null;
                var overSsh = fleet.IsMeant(parsed, lab: lab);
                bool[] sources = [files.Length > 0, ofLab, overSsh, parsed.GetValue(json)];
                if (sources.Count(isMeant => isMeant) > 1)
                {
                    throw new UsageException(
                        "a READING, --host, --lab and --json exclude each other: --json prints what this host looks like"
                    );
                }
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(
                        ReadingJson.Write(
                            await ReadHereAsync(
                                terminal,
                                parsed.GetValue(database)!,
                                cancellationToken
                            )
                        )
                    );
                    return ExitCode.Done;
                }
                HostReading[] hosts =
                    files.Length > 0
                        ? [.. files.Select(file => ReadingJson.Read(file, File.ReadAllText(file)))]
                    : ofLab
                        ? await ReadAllAsync(
                            terminal,
                            new LabRunner(Lab.Open(parsed.GetValue(lab))),
                            HostRunners.DefaultJobs,
                            [],
                            _ => null,
                            cancellationToken
                        )
                    : overSsh ? await ReadOverSshAsync()
                    :
                    [
                        await ReadHereAsync(
                            terminal,
                            parsed.GetValue(database)!,
                            cancellationToken
                        ),
                    ];
                var import = OverlayImport.Of(
                    [.. hosts],
                    parsed.GetValue(name)!,
                    parsed.GetValue(@switch)
                );
                return Write(terminal, import, parsed.GetValue(into));

                async Task<HostReading[]> ReadOverSshAsync()
                {
                    var most = fleet.JobsOf(parsed);
                    var (runner, targets) = fleet.Open(parsed);
                    await using (runner)
                    {
                        return await ReadAllAsync(
                            terminal,
                            runner,
                            most,
                            HostOptions.Override(parsed, database, value => value),
                            host => targets[host],
                            cancellationToken
                        );
                    }
                }
            }
        );
        return command;
    }

    private static int Write(Output terminal, OverlayImport import, string? into)
    {
        var bytes = OverlayYaml.Write(
            import.Overlay,
            [
                "Written by `weft import`. Read it and its remarks, then see with `weft plan --adopt`, on each host or with --all, what Weft would change.",
                .. import.Notes,
            ]
        );
        if (into is null)
        {
            Console.Out.Write(Encoding.UTF8.GetString(bytes));
        }
        else
        {
            if (File.Exists(into))
            {
                throw new UsageException(
                    $"{into} is there already: name another file, or remove it"
                );
            }
            File.WriteAllBytes(into, bytes);
            terminal.Out.WriteLine(into);
        }
        foreach (var note in import.Notes)
        {
            terminal.Notice(note);
        }
        var mistakes = OverlayFile.Parse(into ?? "overlay.yaml", bytes).Mistakes;
        foreach (var mistake in mistakes)
        {
            terminal.Error.WriteLine($"{mistake}");
        }
        if (!mistakes.IsEmpty)
        {
            terminal.Fail("the file needs your hand before Weft can do anything with it");
            return ExitCode.Usage;
        }
        return ExitCode.Done;
    }

    private static async Task<HostReading> ReadHereAsync(
        Output terminal,
        string database,
        CancellationToken cancellationToken
    )
    {
        HostSession.RequireRoot();
        await using var host = await LocalHost.ConnectAsync(database, cancellationToken);
        var observation = await host.ObserveAsync(
            ContainerInterest.Everything,
            credentials: null,
            cancellationToken
        );
        var (reading, isNew) = KeyMover.Move(
            OverlayImport.KeyFile,
            HostReading.Of(Environment.MachineName, observation),
            observation.Switch
        );
        if (isNew)
        {
            terminal.Notice(
                $"{reading.Name}: the key of its tunnels is in {OverlayImport.KeyFile} now, mode 0600"
            );
        }
        return reading;
    }

    /// <summary>Reads several hosts. If their tunnels have a key, each host puts it into a file of its own, where it stays.</summary>
    /// <exception cref="HostException">
    /// One could not be read: an overlay file without it would have the others remove their tunnels to it.
    /// </exception>
    private static async Task<HostReading[]> ReadAllAsync(
        Output terminal,
        IHostRunner runner,
        int jobs,
        IEnumerable<string> options,
        Func<string, SshTarget?> target,
        CancellationToken cancellationToken
    )
    {
        var answers = await terminal.WhileAsync(
            "Reading every host",
            _ =>
                runner.AskAllAsync(
                    _ => ["import", "--json", .. options],
                    jobs: jobs,
                    cancellationToken: cancellationToken
                )
        );
        string[] silent =
        [
            .. answers
                .Where(answer => answer.ExitCode != ExitCode.Done)
                .Select(answer => answer.Why("could not be read")),
        ];
        if (silent.Length > 0)
        {
            throw new HostException(string.Join('\n', silent));
        }
        foreach (var remark in answers.SelectMany(answer => answer.Remarks))
        {
            terminal.Notice(remark);
        }
        return
        [
            .. answers.Select(answer =>
                ReadingJson.Read($"the answer of host '{answer.Host}'", answer.Output) with
                {
                    Ssh = target(answer.Host),
                }
            ),
        ];
    }
}
