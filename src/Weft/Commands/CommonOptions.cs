using System.CommandLine;
using System.Globalization;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Commands;

/// <summary>What several commands take.</summary>
internal static class CommonOptions
{
    /// <summary>Where the overlay file is looked for when none is named, in this order.</summary>
    public static readonly string[] DefaultFiles = ["overlay.yaml", "/etc/weft/overlay.yaml"];

    /// <summary>The longest time that anything is waited for, in seconds.</summary>
    public const double LongestTimeout = 3600;

    /// <summary>What <c>--timeout</c> takes, in words.</summary>
    public static string WhatTimeoutTakes =>
        $"--timeout takes seconds, more than 0 and at most {LongestTimeout}";

    private const string EngineVariable = "WEFT_ENGINE";

    /// <summary>The overlay file.</summary>
    /// <param name="takesInput">Whether it may come by standard input.</param>
    public static Argument<string?> File(bool takesInput = true)
    {
        var file = new Argument<string?>("FILE")
        {
            Description =
                $"The overlay file{(takesInput ? ", or - for standard input" : "")}; if not given: {string.Join(", else ", DefaultFiles)}.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        file.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: ['-', _, ..] value }])
            {
                result.AddError($"There is no option '{value}'.");
            }
            if (!takesInput && result.Tokens is [{ Value: OverlayLoader.StandardInput }])
            {
                result.AddError(
                    "The overlay file is read more than once, which standard input cannot be: name a file."
                );
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
            CompletionSources = { HostNames.Complete },
        };

    /// <summary>Which lab.</summary>
    /// <param name="description">What is done in it.</param>
    /// <param name="mayBeBare">Whether it may come without a name, and is then the only one that there is.</param>
    public static Option<string?> Lab(string description, bool mayBeBare = false)
    {
        var lab = new Option<string?>("--lab")
        {
            Description = description,
            HelpName = "NAME",
            CompletionSources = { LabNames.Complete },
        };
        if (mayBeBare)
        {
            lab.Arity = ArgumentArity.ZeroOrOne;
        }
        return lab;
    }

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
        OneOf<Engine>(
            "--engine",
            "ENGINE",
            "Treat every container as one of this engine, as labs do with netns (also WEFT_ENGINE).",
            EngineVariable
        );

    /// <summary>The datapath in place of the file's.</summary>
    public static Option<DatapathChoice?> Datapath() =>
        OneOf<DatapathChoice>(
            "--datapath",
            "DATAPATH",
            "Use this datapath, whatever the file says (also WEFT_DATAPATH).",
            "WEFT_DATAPATH"
        );

    /// <summary>How long the switch may take.</summary>
    public static Option<double> Timeout() =>
        new("--timeout")
        {
            Description = "How many seconds to wait for ovs-vswitchd to carry out the change.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 30,
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                if (
                    double.TryParse(word, NumberStyles.Float, null, out var seconds)
                    && IsTimeout(seconds)
                )
                {
                    return seconds;
                }
                result.AddError($"{WhatTimeoutTakes}, not '{word}'.");
                return default;
            },
        };

    /// <summary>Whether something may be waited for so long.</summary>
    /// <param name="seconds">How long.</param>
    public static bool IsTimeout(double seconds) => seconds is > 0 and <= LongestTimeout;

    /// <summary>An option that takes one of a few names.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="helpName">What help calls its value.</param>
    /// <param name="description">What it is.</param>
    /// <param name="variable">The variable in the environment that stands for it where it is not given.</param>
    public static Option<T?> OneOf<T>(
        string name,
        string helpName,
        string description,
        string? variable = null
    )
        where T : struct, Enum
    {
        var option = new Option<T?>(name)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                var value = Named<T>(word);
                if (value is null)
                {
                    result.AddError($"{name} takes {NamesOf<T>()}, not '{word}'.");
                }
                return value;
            },
        };
        // The library offers the names as .NET writes them.
        option.CompletionSources.Clear();
        option.CompletionSources.Add(_ => Words<T>());
        if (variable is not null)
        {
            option.DefaultValueFactory = _ => Named<T>(Of(variable));
            option.Validators.Add(result =>
            {
                if (result.Implicit && MistakeIn<T>(variable) is { } mistake)
                {
                    result.AddError(mistake);
                }
            });
        }
        return option;
    }

    /// <summary>The engine that the environment says stands in for all others.</summary>
    /// <exception cref="UsageException">It names none.</exception>
    public static Engine? EngineOfEnvironment =>
        MistakeIn<Engine>(EngineVariable) is { } mistake
            ? throw new UsageException(mistake)
            : Named<Engine>(Of(EngineVariable));

    /// <summary>Whether it is done without a question.</summary>
    public static Option<bool> Yes() =>
        new("--yes", "-y") { Description = "Do not ask before anything is changed." };

    /// <summary>Whether what was set up by hand is taken over.</summary>
    public static Option<bool> Adopt() =>
        new("--adopt")
        {
            Description =
                "Take over bridges, ports and interfaces that were set up by hand, if they have the kind and place that the overlay needs.",
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

    private static string? Of(string variable) => Environment.GetEnvironmentVariable(variable);

    private static string? MistakeIn<T>(string variable)
        where T : struct, Enum =>
        Of(variable) is { Length: > 0 } word && Named<T>(word) is null
            ? $"{variable} in the environment takes {NamesOf<T>()}, not '{word}'."
            : null;

    // Enum.TryParse takes numbers too, and several names with commas between.
    private static T? Named<T>(string? word)
        where T : struct, Enum =>
        string.IsNullOrEmpty(word)
            ? null
            : Enum.GetValues<T>()
                .Cast<T?>()
                .FirstOrDefault(value =>
                    value.ToString()!.Equals(word, StringComparison.OrdinalIgnoreCase)
                );

    private static string NamesOf<T>()
        where T : struct, Enum
    {
        var names = Words<T>();
        return $"{string.Join(", ", names[..^1])} or {names[^1]}";
    }

    private static string[] Words<T>()
        where T : struct, Enum => [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];
}
