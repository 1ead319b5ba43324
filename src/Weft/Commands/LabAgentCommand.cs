using System.CommandLine;
using System.Net;
using Weft.Labs.Guests;

namespace Weft.Commands;

/// <summary><c>weft lab agent</c> and <c>weft lab shell</c>: how a lab talks to hosts with kernels of their own; not for users.</summary>
internal static class LabAgentCommand
{
    /// <summary>The end in the host.</summary>
    public static Command CreateAgent()
    {
        var place = new Argument<string>("NAMESPACE");
        var address = new Argument<string>("ADDRESS");
        var command = new Command("agent", "Run commands for the lab that this host is of.")
        {
            place,
            address,
        };
        command.Hidden = true;
        command.SetAction(
            async (parsed, _, cancellationToken) =>
            {
                await GuestAgent.RunAsync(
                    parsed.GetValue(place)!,
                    IPAddress.Parse(parsed.GetValue(address)!),
                    cancellationToken
                );
                return ExitCode.Done;
            }
        );
        return command;
    }

    /// <summary>The end on the machine.</summary>
    public static Command CreateShell()
    {
        var place = new Argument<string>("NAMESPACE");
        var address = new Argument<string>("ADDRESS");
        var words = new Argument<string[]>("COMMAND") { Arity = ArgumentArity.OneOrMore };
        var command = new WeftCommand("shell", "Run a command in a host by its lab's control wire.")
        {
            HandsSignalsOn = true,
            Hidden = true,
        };
        command.AddAll(place, address, words);
        command.SetAction(
            async (parsed, _, cancellationToken) =>
            {
                using var shell = await GuestShell.ConnectAsync(
                    parsed.GetValue(place)!,
                    IPAddress.Parse(parsed.GetValue(address)!),
                    cancellationToken
                );
                return await shell.RunAsync(parsed.GetValue(words)!, cancellationToken);
            }
        );
        return command;
    }
}
