using System.CommandLine;
using System.ComponentModel;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.Commands;

/// <summary><c>weft lab exec</c>.</summary>
internal static class LabExecCommand
{
    // The machine's files are the host's too: stay in the directory that the user is in.
    private const string InTheSameDirectory = "cd -- \"$1\" 2>/dev/null; shift; exec \"$@\"";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var lab = CommonOptions.Lab("The lab; not needed where there is one only.");
        var container = new Option<string?>("--container")
        {
            Description = "Run it in this container of the host.",
            HelpName = "NAME",
        };
        var host = new Argument<string>("HOST")
        {
            Description = "The host to run it in.",
            HelpName = "HOST",
        };
        var words = new Argument<string[]>("COMMAND")
        {
            Description =
                "The command and its arguments; after -- when they look like options of weft.",
            Arity = ArgumentArity.OneOrMore,
        };
        host.CompletionSources.Add(HostNames.CompleteOfLab);
        var command = new Command(
            "exec",
            "Run a command in a host of a lab: here, on this terminal, with its exit code."
        )
        {
            lab,
            container,
            host,
            words,
        };
        command.SetAction(
            (parsed, _, cancellationToken) =>
            {
                Machine.RequireRoot();
                return RunAsync(
                    Lab.Open(parsed.GetValue(lab))[parsed.GetValue(host)!],
                    parsed.GetValue(container),
                    parsed.GetValue(words)!,
                    cancellationToken
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        LabHost host,
        string? container,
        string[] words,
        CancellationToken cancellationToken
    )
    {
        if (container is not null)
        {
            var there = (await HostState.OfAsync(host, cancellationToken)).Containers;
            if (!there.Contains(container))
            {
                throw new LabException(
                    $"host '{host.Name}' has no container '{container}': it has {(there.Count == 0 ? "none" : string.Join(", ", there))}"
                );
            }
        }
        try
        {
            Replacement.Become(
                host.Enter(
                    container,
                    [
                        "sh",
                        "-c",
                        InTheSameDirectory,
                        "weft lab exec",
                        Environment.CurrentDirectory,
                        .. words,
                    ]
                ),
                host.Environment
            );
        }
        catch (Win32Exception exception)
        {
            throw new LabException(exception.Message);
        }
        return ExitCode.Done;
    }
}
