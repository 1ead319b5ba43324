using System.CommandLine;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Commands;

/// <summary>What several commands take.</summary>
internal static class CommonOptions
{
    /// <summary>Where the overlay file is looked for when none is named, in this order.</summary>
    public static readonly string[] DefaultFiles = ["overlay.yaml", "/etc/weft/overlay.yaml"];

    /// <summary>The overlay file.</summary>
    public static Argument<string?> File()
    {
        var file = new Argument<string?>("FILE")
        {
            Description =
                $"The overlay file, or - for standard input; if not given: {string.Join(", else ", DefaultFiles)}.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        file.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: ['-', _, ..] value }])
            {
                result.AddError($"There is no option '{value}'.");
            }
        });
        return file;
    }

    /// <summary>Which of the overlay's hosts.</summary>
    public static Option<string?> As() =>
        new("--as")
        {
            Description =
                "Which of the overlay's hosts this machine is; if not given: its hostname.",
            HelpName = "NAME",
        };

    /// <summary>The switch's database.</summary>
    public static Option<string> Database() =>
        new("--db")
        {
            Description = "Where Open vSwitch's database listens.",
            HelpName = "REMOTE",
            DefaultValueFactory = _ => LocalHost.DefaultRemote,
        };

    /// <summary>The engine that stands in for all others.</summary>
    public static Option<Engine?> Engine() =>
        new("--engine")
        {
            Description =
                "Treat every container as one of this engine, as labs do with netns (also WEFT_ENGINE).",
            HelpName = "ENGINE",
            DefaultValueFactory = _ => EngineOfEnvironment,
        };

    /// <summary>The datapath in place of the file's.</summary>
    public static Option<DatapathChoice?> Datapath() =>
        new("--datapath")
        {
            Description = "Use this datapath, whatever the file says (also WEFT_DATAPATH).",
            HelpName = "DATAPATH",
            DefaultValueFactory = _ => FromEnvironment<DatapathChoice>("WEFT_DATAPATH"),
        };

    /// <summary>How long the switch may take.</summary>
    public static Option<double> Timeout() =>
        new("--timeout")
        {
            Description = "How many seconds ovs-vswitchd may take for the change.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 30,
        };

    /// <summary>The engine that the environment says stands in for all others.</summary>
    public static Engine? EngineOfEnvironment => FromEnvironment<Engine>("WEFT_ENGINE");

    /// <summary>Whether it is done without a question.</summary>
    public static Option<bool> Yes() =>
        new("--yes", "-y") { Description = "Do not ask before anything is changed." };

    /// <summary>Whether what was set up by hand is taken over.</summary>
    public static Option<bool> Adopt() =>
        new("--adopt")
        {
            Description =
                "Take over what nobody's mark is on and what has the kind and the place that the overlay needs, as it was set up by hand.",
        };

    /// <summary>Whether to write JSON.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Write JSON." };

    /// <summary>Whether to write without colours.</summary>
    public static Option<bool> NoColor { get; } =
        new("--no-color")
        {
            Description = "Write without colours (also NO_COLOR).",
            Recursive = true,
        };

    private static T? FromEnvironment<T>(string variable)
        where T : struct, Enum =>
        Enum.TryParse<T>(
            Environment.GetEnvironmentVariable(variable),
            ignoreCase: true,
            out var value
        )
            ? value
            : null;
}
