using System.CommandLine;
using System.Runtime.InteropServices;
using Weft.Agent;
using Weft.Core.History;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft watch-try</c>: the process beside a try that undoes it; not for users.</summary>
internal static class WatchTryCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var overlay = new Argument<string>("OVERLAY");
        var number = new Argument<int>("NUMBER");
        var command = new Command(TrialWatch.Command, "Undo a try that nobody confirms.")
        {
            overlay,
            number,
        };
        command.Hidden = true;
        command.SetAction(
            async (parsed, _, cancellationToken) =>
            {
                using var hangup = PosixSignalRegistration.Create(
                    PosixSignal.SIGHUP,
                    context => context.Cancel = true
                );
                await Console.Out.WriteLineAsync(TrialWatch.Ready);
                await Console.Out.FlushAsync(cancellationToken);
                new ServiceManager().Ready();
                // Whoever read that goes on by itself. From here on all output goes to the log, and even a full log keeps
                // nothing from being done.
                Console.SetOut(Console.Error);
                await new TrialWatch(
                    new HistoryStore(parsed.GetValue(overlay)!),
                    parsed.GetValue(number),
                    new Output(noColor: true),
                    TimeProvider.System
                ).RunAsync(cancellationToken);
                return ExitCode.Done;
            }
        );
        return command;
    }
}
