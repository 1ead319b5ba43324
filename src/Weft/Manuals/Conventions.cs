using Weft.Agent;
using Weft.Commands;
using Weft.Core.Engines;
using Weft.Core.Pki;
using Weft.Installation;

namespace Weft.Manuals;

/// <summary>What is the same for every command.</summary>
internal static class Conventions
{
    /// <summary>The meanings of the program's exit codes.</summary>
    public static IReadOnlyList<(string Code, string Means)> ExitCodes { get; } =
    [
        ($"{ExitCode.Done}", "Done, or no difference."),
        ($"{ExitCode.Failed}", "It failed."),
        ($"{ExitCode.Usage}", "Wrong usage, or an invalid overlay file."),
        ($"{ExitCode.Differences}", "`weft plan --exit-code` found differences."),
    ];

    /// <summary>Variables that the program reads.</summary>
    public static IReadOnlyList<(string Name, string Means)> Environment { get; } =
    [
        ("NO_COLOR", "If it is not empty, nothing is written in colours."),
        ("WEFT_DATAPATH", "As `--datapath`."),
        ("WEFT_ENGINE", "As `--engine`."),
    ];

    /// <summary>Where things are on a host.</summary>
    public static IReadOnlyList<(string Path, string Means)> Files { get; } =
    [
        (HostFiles.Overlay, "The overlay file, where no other is named or in the directory."),
        ($"{PkiDirectory.DefaultPath}/", "Certificates, and the keys that belong to them."),
        ("/etc/weft/environment", "Variables for the services, such as a key's."),
        (AgentApi.DefaultSocket, "Where the agent answers."),
        (
            $"{AddressStore.DefaultDirectory}/",
            "What Weft remembers: addresses, what was installed."
        ),
    ];

    /// <summary>Where the overlay file is looked for.</summary>
    public static string DefaultFiles => string.Join(", then ", CommonOptions.DefaultFiles);
}
