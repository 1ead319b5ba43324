using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Manuals;

namespace Weft.Commands;

/// <summary><c>weft man</c>: the manual, for packages; not for users, who have <c>--help</c> and what packages install.</summary>
internal static class ManCommand
{
    // https://reproducible-builds.org/specs/source-date-epoch/
    private const string BuildDate = "SOURCE_DATE_EPOCH";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var directory = new Option<string?>("--directory", "-d")
        {
            Description =
                "Write one page for each command into this directory, which must be there.",
            HelpName = "DIRECTORY",
        };
        var markdown = new Option<bool>("--markdown")
        {
            Description = "Print all commands as one page in Markdown.",
        };
        var command = new WeftCommand("man", "Print the manual page of weft.")
        {
            Examples =
            [
                ("weft man | man -l -", "read it"),
                ("weft man -d /usr/local/share/man/man1", "put all pages where man finds them"),
            ],
        };
        command.Hidden = true;
        command.AddAll(directory, markdown);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var root = CommandManual.Of(Cli.Create());
                if (parsed.GetValue(markdown))
                {
                    Console.Out.Write(CommandReference.Write(root));
                    return ExitCode.Done;
                }
                CommandManual[] all = [.. root.All];
                var date = Date();
                if (parsed.GetValue(directory) is not { } into)
                {
                    Console.Out.Write(ManPage.Write(root, all, Version, date));
                    return ExitCode.Done;
                }
                foreach (var manual in all)
                {
                    var path = Path.Combine(into, ManPage.FileName(manual));
                    await File.WriteAllTextAsync(
                        path,
                        ManPage.Write(manual, all, Version, date),
                        cancellationToken
                    );
                    terminal.Out.WriteLine(path);
                }
                return ExitCode.Done;
            }
        );
        return command;
    }

    // Without the commit, which only tells builds of one version apart.
    private static string Version => Self.Version.Split('+')[0];

    private static DateOnly Date() =>
        DateOnly.FromDateTime(
            (
                long.TryParse(
                    Environment.GetEnvironmentVariable(BuildDate),
                    NumberStyles.None,
                    null,
                    out var seconds
                )
                    ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                    : TimeProvider.System.GetUtcNow()
            ).UtcDateTime
        );
}
