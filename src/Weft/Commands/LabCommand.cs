using System.CommandLine;

namespace Weft.Commands;

/// <summary><c>weft lab</c>: the hosts of an overlay on this machine, to try it out.</summary>
internal static class LabCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() =>
        new WeftCommand(
            "lab",
            "Try an overlay on this machine: each of its hosts as namespaces with an Open vSwitch of its own."
        )
        {
            Examples =
            [
                (
                    "weft lab up overlay.yaml",
                    "make the hosts of a file, apply it, and see who reaches whom"
                ),
                ("weft lab up --hosts 5", "the same with an overlay that is made up"),
                ("weft lab exec host1 bash", "work in a host as on a real one"),
                ("weft lab down", "remove it without a trace"),
            ],
            Subcommands =
            {
                LabUpCommand.Create(),
                LabListCommand.Create(),
                LabStatusCommand.Create(),
                LabExecCommand.Create(),
                LabCaptureCommand.Create(),
                LabRebootCommand.Create(),
                LabDownCommand.Create(),
                LabAgentCommand.CreateAgent(),
                LabAgentCommand.CreateShell(),
            },
        };
}
