using System.CommandLine;
using System.Net;
using Weft.Agent;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Installation;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft agent</c>: keeps this host as the overlay file says.</summary>
internal static class AgentCommand
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions(takesInput: false);
        var socket = new Option<string>("--socket")
        {
            Description = "The unix socket at which the agent answers.",
            HelpName = "PATH",
            DefaultValueFactory = _ => AgentApi.DefaultSocket,
        };
        var listen = new Option<string?>("--listen")
        {
            Description =
                "Listen there too, with TLS, to clients with a certificate; needs the three --tls options.",
            HelpName = "ADDRESS:PORT",
        };
        var certificate = FileOption(
            "--tls-cert",
            "The agent's certificate (PEM), and behind it those between it and its authority."
        );
        var key = FileOption("--tls-key", "The key to it (PEM).");
        var authority = FileOption("--tls-ca", "The authority that vouches for clients (PEM).");
        var page = new Option<string?>("--page")
        {
            Description =
                "Also serve a page for browsers: at a loopback address of this machine, or with 'socket' at the agent's own sockets.",
            HelpName = "ADDRESS:PORT|socket",
        };
        var command = new WeftCommand(
            "agent",
            "Keep this host as the overlay file says, whatever containers, links and daemons do. For weft-agent.service."
        )
        {
            ChangesHost = true,
            Examples =
            [
                ("weft agent", "until it is ended; SIGHUP reads the file anew"),
                ("curl --unix-socket /run/weft/agent.sock http://weft/metrics", "what it measures"),
                ("weft agent --page 127.0.0.1:8080", "with a page for a browser on this machine"),
                (
                    "ssh -L 8080:/run/weft/agent.sock host1",
                    "where host1's agent has `--page socket`: its page is at http://localhost:8080 here"
                ),
            ],
        };
        command.AddAll(options.With(socket, listen, certificate, key, authority, page));
        command.SetAction(
            async (parsed, _, cancellationToken) =>
            {
                var listeners = new Listeners(
                    AgentApi.SocketAt(parsed.GetValue(socket)!),
                    Listener(
                        parsed.GetValue(listen),
                        parsed.GetValue(certificate),
                        parsed.GetValue(key),
                        parsed.GetValue(authority)
                    ),
                    PageListener.Parse(parsed.GetValue(page))
                );
                var file = Path.GetFullPath(options.FileOf(parsed));
                var state = new AgentState { File = file };
                (state.On, state.Read) = Begin(state, Load, Former);
                using var seat = await new AgentSeat(
                    state.On.Overlay.Name,
                    listeners.Socket,
                    file,
                    Self.Version
                ).TakeAsync(cancellationToken);
                using var journal = new Journal();
                using var measures = new AgentMeasures(state);
                await using var host = await LocalHost.ConnectAsync(
                    options.DatabaseOf(parsed),
                    StartPatience,
                    cancellationToken
                );
                await using var api = await AgentApi.StartAsync(
                    listeners,
                    state,
                    new Lookout(
                        state,
                        host.WatchTrafficAsync,
                        TimeProvider.System,
                        cancellationToken
                    ),
                    (severity, line) => journal.Write(severity, line),
                    cancellationToken
                );
                journal.Write(
                    Severity.Info,
                    $"agent of overlay {state.On.Overlay.Name} on host {state.On.Host}, by {state.File}"
                );
                if (state.Refused is { } refused)
                {
                    foreach (var mistake in refused)
                    {
                        journal.Write(Severity.Error, mistake);
                    }
                    journal.Write(
                        Severity.Error,
                        $"{state.File} is refused as it is now; what was applied last is kept ({state.Read.Path})"
                    );
                }
                try
                {
                    await new AgentLoop(host, Load, state, measures, journal).RunAsync(
                        cancellationToken
                    );
                }
                catch (OperationCanceledException)
                {
                    // What it made stays: ending the agent changes nothing for anybody.
                    new ServiceManager().Stopping();
                }
                return ExitCode.Done;

                (HostOverlay, LoadedFile) Load(string path) =>
                    On(
                        OverlayLoader.Read(
                            path,
                            options.EngineOf(parsed),
                            options.DatapathOf(parsed)
                        )
                    );

                (HostOverlay, LoadedFile)? Former()
                {
                    var named = parsed.GetValue(options.Host) ?? Hostname.Own;
                    if (
                        LastApplied.Only(host =>
                            host == named || host == Hostname.WithoutDomain(named)
                        )
                        is not var (path, bytes)
                    )
                    {
                        return null;
                    }
                    try
                    {
                        return On(
                            OverlayLoader.Of(
                                path,
                                bytes,
                                options.EngineOf(parsed),
                                options.DatapathOf(parsed)
                            )
                        );
                    }
                    catch (Exception exception)
                        when (exception is InvalidOverlayException or UsageException)
                    {
                        // The mistakes to report are those of the file that is there now.
                        return null;
                    }
                }

                (HostOverlay, LoadedFile) On(LoadedFile read) =>
                    (
                        new HostOverlay(
                            read.Overlay,
                            OverlayLoader.RequireHost(read.Overlay, parsed.GetValue(options.Host))
                        ),
                        read
                    );
            }
        );
        return command;
    }

    /// <summary>
    /// Reads the file to begin with. A service that is restarted, by an upgrade for instance, while the host's own file has
    /// mistakes goes on with what was applied last, as it would have without the restart.
    /// </summary>
    private static (HostOverlay On, LoadedFile Read) Begin(
        AgentState state,
        Func<string, (HostOverlay, LoadedFile)> load,
        Func<(HostOverlay, LoadedFile)?> former
    )
    {
        try
        {
            return load(FileInForce.Of(state.File, TimeProvider.System).Path);
        }
        catch (InvalidOverlayException exception) when (state.File == HostFiles.Overlay)
        {
            if (former() is not { } applied)
            {
                throw;
            }
            state.Refused = [.. exception.Mistakes.Select(mistake => mistake.ToString())];
            return applied;
        }
    }

    private static Option<string?> FileOption(string name, string description) =>
        new(name) { Description = description, HelpName = "FILE" };

    private static TlsListener? Listener(
        string? listen,
        string? certificate,
        string? key,
        string? authority
    )
    {
        if (listen is null)
        {
            return certificate is null && key is null && authority is null
                ? null
                : throw new UsageException("the --tls options are for --listen: say where");
        }
        if (!IPEndPoint.TryParse(listen, out var endPoint) || endPoint.Port == 0)
        {
            throw new UsageException(
                $"--listen takes an address and a port, such as 10.8.3.1:9180, not '{listen}'"
            );
        }
        return certificate is not null && key is not null && authority is not null
            ? new TlsListener(endPoint, certificate, key, authority)
            : throw new UsageException(
                "--listen needs --tls-cert, --tls-key and --tls-ca: the agent tells others only who they can prove to be allowed"
            );
    }
}
