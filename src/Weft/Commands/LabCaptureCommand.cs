using System.CommandLine;
using System.ComponentModel;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.Commands;

/// <summary><c>weft lab capture</c>.</summary>
internal static class LabCaptureCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var lab = CommonOptions.Lab("The lab; not needed where there is one only.");
        var words = new Argument<string[]>("ARGUMENTS")
        {
            Description = "What tcpdump takes, such as -c 10, -w FILE or a filter; after --.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command(
            "capture",
            "Show what crosses between the hosts of a lab, until Ctrl-C (tcpdump)."
        )
        {
            lab,
            words,
        };
        command.SetAction(
            (parsed, _, _) =>
            {
                Machine.RequireRoot();
                try
                {
                    Replacement.Become(
                        Lab.Open(parsed.GetValue(lab)).Capture(parsed.GetValue(words) ?? []),
                        new Dictionary<string, string>(0)
                    );
                }
                catch (Win32Exception exception)
                {
                    throw new LabException(exception.Message);
                }
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }
}
