using System.CommandLine;
using Spectre.Console;
using Weft.Agent;
using Weft.Core.Planning;
using Weft.Fleet;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft status</c>: intent beside observation, and what the agent says of itself.</summary>
internal static class StatusCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var json = CommonOptions.Json();
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "status",
            "Show the state of this host, or of others: what is intended, what is there, what drifted, and its agent."
        )
        {
            Examples =
            [
                ("weft status", "exit code 1 if anything is not as intended"),
                ("weft status --json | jq .drift", "for scripts"),
                ("weft status --all", "of all hosts, over SSH: a line for each, and what drifted"),
            ],
        };
        command.AddAll(options.With([json, .. fleet.All]));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, options.Host))
                {
                    await using var hosts = fleet.Open(parsed, options);
                    return await FleetAsk.StatusAsync(
                        terminal,
                        hosts,
                        options.Overrides(parsed),
                        parsed.GetValue(json),
                        cancellationToken
                    );
                }
                var agents = AgentSeat.Taken();
                var path = Path.GetFullPath(options.FileOf(parsed));
                var agent = await AgentAsync(seat => seat.File == path);
                try
                {
                    await using var session = await options.OpenAsync(parsed, cancellationToken);
                    agent ??= await AgentAsync(seat => seat.Overlay == session.Overlay.Name);
                    await session.KnockAsync(new Notices(terminal), cancellationToken);
                    var observation = await session.ObserveAsync(cancellationToken);
                    var intent = session.Intend(observation);
                    var status = HostStatus.Of(intent, observation);
                    Write(StatusView.Document(intent, observation, status), intent.Mtu!.Explain());
                    StatusView.WarnOfPlaintext(terminal, status);
                    TrialGate.Tell(session.History, terminal);
                    return status.IsHealthy && agent is not { Refused.Count: > 0 }
                        ? ExitCode.Done
                        : ExitCode.Failed;
                }
                catch (InvalidOverlayException exception)
                    when (agent is { Host: not null } && agent.File == path)
                {
                    // What is in force is not what the file says now: only the agent knows it.
                    foreach (var mistake in exception.Mistakes)
                    {
                        terminal.Error.WriteLine(mistake.ToString());
                    }
                    Write(agent.Host, agent.Host.Mtu.ToString());
                    return ExitCode.Failed;
                }

                async Task<AgentDocument?> AgentAsync(Func<AgentSeat, bool> isIt)
                {
                    // Only root may see all agents: others ask at the default socket.
                    var socket =
                        agents.Count == 0
                            ? AgentApi.DefaultSocket
                            : agents.FirstOrDefault(isIt)?.Socket;
                    return socket is null
                        ? null
                        : await AgentClient.StatusAsync(socket, cancellationToken);
                }

                void Write(StatusDocument host, string mtu)
                {
                    if (parsed.GetValue(json))
                    {
                        Console.Out.WriteLine(AgentView.Json(host, agent));
                    }
                    else
                    {
                        StatusView.Write(terminal, host, mtu, agent);
                    }
                }
            }
        );
        return command;
    }
}
