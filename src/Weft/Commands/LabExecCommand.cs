using System.CommandLine;
using System.ComponentModel;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.Commands;

/// <summary><c>weft lab exec</c>.</summary>
internal static class LabExecCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var lab = new Option<string?>("--lab")
        {
            Description = "The lab; not needed where there is one only.",
            HelpName = "NAME",
        };
        var container = new Option<string?>("--container")
        {
            Description = "Run it in this container of the host.",
            HelpName = "NAME",
        };
        var host = new Argument<string>("HOST") { Description = "The host to run it in." };
        var words = new Argument<string[]>("COMMAND")
        {
            Description =
                "The command and its arguments; after -- when they look like options of weft.",
            Arity = ArgumentArity.OneOrMore,
        };
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
            (parsed, _) =>
                Terminal.GuardAsync(() =>
                    Run(
                        Lab.Open(parsed.GetValue(lab))[parsed.GetValue(host)!],
                        parsed.GetValue(container),
                        parsed.GetValue(words)!
                    )
                )
        );
        return command;
    }

    private static Task<int> Run(LabHost host, string? container, string[] words)
    {
        Machine.RequireRoot();
        // The machine's files are there too: stay in the directory that the user is in.
        const string stay = "cd -- \"$0\" 2>/dev/null; exec \"$@\"";
        try
        {
            Replacement.Become(
                host.Enter(container, ["sh", "-c", stay, Environment.CurrentDirectory, .. words]),
                host.Environment
            );
        }
        catch (Win32Exception exception)
        {
            throw new LabException(exception.Message);
        }
        return Task.FromResult(0);
    }
}
