using System.CommandLine;
using Weft.Core.Planning;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft status</c>: intent beside observation.</summary>
internal static class StatusCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var json = CommonOptions.Json();
        var command = new WeftCommand(
            "status",
            "Show how this host stands: what is intended, what is there, what drifted."
        )
        {
            Examples =
            [
                ("weft status", "exit code 1 if anything is not as intended"),
                ("weft status --json | jq .drift", "for scripts"),
            ],
        };
        command.AddAll(options.With(json));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                await using var session = await options.OpenAsync(parsed, cancellationToken);
                var observation = await session.ObserveAsync(cancellationToken);
                var intent = session.Intend(observation);
                var status = HostStatus.Of(intent, observation);
                if (parsed.GetValue(json))
                {
                    StatusView.WriteJson(Console.Out, intent, observation, status);
                }
                else
                {
                    StatusView.Write(terminal, intent, observation, status);
                }
                return status.IsHealthy ? ExitCode.Done : ExitCode.Failed;
            }
        );
        return command;
    }
}
