using System.CommandLine;
using Weft.Labs;
using Weft.Linux;

namespace Weft.Commands;

/// <summary><c>weft lab</c>: the hosts of an overlay on this machine, to try it out.</summary>
internal static class LabCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() =>
        new(
            "lab",
            "Try an overlay on this machine: its hosts as namespaces with a real Open vSwitch each."
        )
        {
            Up(),
            Exec(),
            Down(),
        };

    private static Command Up()
    {
        var file = new Argument<string?>("FILE")
        {
            Description = "The overlay file.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var name = new Option<string?>("--name") { Description = "The lab's name." };
        var hosts = new Option<int?>("--hosts")
        {
            Description = "Make up an overlay of this many hosts.",
        };
        var command = new Command(
            "up",
            "Make the hosts of an overlay and apply the overlay to them."
        )
        {
            file,
            name,
            hosts,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                try
                {
                    var overlay = SampleOverlay.Of(parsed.GetValue(hosts) ?? 2);
                    var lab = await Lab.UpAsync(
                        overlay,
                        OverlayYaml.Write(overlay),
                        new LabOptions
                        {
                            Name = parsed.GetValue(name),
                            Progress = Console.Error.WriteLine,
                        },
                        cancellationToken
                    );
                    Console.WriteLine($"lab '{lab.Name}' is up");
                    return 0;
                }
                catch (LabException exception)
                {
                    Console.Error.WriteLine(exception.Message);
                    return 1;
                }
            }
        );
        return command;
    }

    private static Command Exec()
    {
        var lab = new Option<string?>("--lab")
        {
            Description = "The lab; not needed where there is one only.",
        };
        var container = new Option<string?>("--container")
        {
            Description = "Run it in this container.",
        };
        var host = new Argument<string>("HOST") { Description = "The host to run it in." };
        var words = new Argument<string[]>("COMMAND")
        {
            Description = "The command and its arguments.",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("exec", "Run a command in a host of a lab.")
        {
            lab,
            container,
            host,
            words,
        };
        command.SetAction(parsed =>
        {
            var entered = Lab.Open(parsed.GetValue(lab))[parsed.GetValue(host)!];
            Replacement.Become(
                entered.Enter(parsed.GetValue(container), parsed.GetValue(words)!),
                entered.Environment
            );
        });
        return command;
    }

    private static Command Down()
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("down", "Remove a lab without a trace.") { name };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var lab = Lab.Open(parsed.GetValue(name));
                await Lab.DownAsync(lab.Name, null, cancellationToken);
            }
        );
        return command;
    }
}
