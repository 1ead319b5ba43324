using System.ComponentModel;
using System.Text;
using System.Text.RegularExpressions;
using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Carries out link changes by <c>ip -batch -</c> (ip(8)): one process, however many there are. Settings and IPsec policies go
/// to the kernel directly, without a process.
/// </summary>
internal static partial class LinkBatch
{
    // What `ip` says of a link that does not exist.
    private const string NoLink = "Cannot find device";

    // What `ip` says when a link is to be put into a namespace that is gone.
    private const string NoNamespace = "Invalid \"netns\" value";

    private static readonly TimeSpan KeyIsHeard = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Runs the commands, which are all of one network namespace, in order. A setting is written as soon as its link exists:
    /// before all else, or after the commands if they make the link, or make it anew in place of another of its name. Policies
    /// are last.
    /// </summary>
    /// <exception cref="LinkBatchException">A command failed; those before it have been carried out.</exception>
    /// <exception cref="HostException"><c>ip</c> is missing, or does not start.</exception>
    public static async Task RunAsync(
        IReadOnlyList<LinkCommand> commands,
        CancellationToken cancellationToken
    )
    {
        var settings = commands.Where(command => command.IsSetting).ToLookup(IsOfNewLink);
        var missed = Set([.. settings[false]]);
        await RunIpAsync(
            [.. commands.Where(command => command is { IsSetting: false, Policy: null })],
            cancellationToken
        );
        // A link that is not there by now has ended, or has no IPv6 that could be set.
        _ = Set([.. missed, .. settings[true]]);
        if (commands.Where(command => command.Policy is not null).ToList() is [var first, ..] rules)
        {
            Within(
                first,
                () =>
                {
                    PolicyWriter.Write(rules);
                    return true;
                }
            );
        }

        bool IsOfNewLink(LinkCommand setting) =>
            commands.Any(command => command.IsAdditionOf(setting.LinkOfSetting!));
    }

    private static async Task RunIpAsync(
        List<LinkCommand> rest,
        CancellationToken cancellationToken
    )
    {
        while (rest.Count > 0)
        {
            var result = await RunIpAsync(rest);
            cancellationToken.ThrowIfCancellationRequested();
            if (result.ExitCode == Libc.EndedBy(Libc.SigInt))
            {
                // Ctrl-C ended `ip`, and is for all processes of the terminal: this program hears of it in a moment.
                await Task.Delay(KeyIsHeard, cancellationToken);
            }
            if (result.ExitCode == 0)
            {
                return;
            }
            var failure = Failure(rest, result.Errors);
            if (
                failure.Failed is not { IsRemovalOfLink: true } failed
                || !failure.Message.Contains(NoLink, StringComparison.Ordinal)
            )
            {
                throw failure;
            }
            // Removing one end removes the pair, and a container takes its links with it when it ends: what was to go is gone.
            rest.RemoveRange(0, rest.IndexOf(failed) + 1);
        }
    }

    private static async Task<ToolResult> RunIpAsync(List<LinkCommand> commands)
    {
        var input = string.Join('\n', commands.Select(command => command.Line)) + "\n";
        try
        {
            // Once begun it is let finish: a batch that is cut off leaves more to mend than one that is done.
            return await Tool.RunAsync(
                ["ip", "-batch", "-"],
                Encoding.UTF8.GetBytes(input),
                within: commands[0].Namespace is { } space ? ContainerSighting.PathOf(space) : null,
                cancellationToken: CancellationToken.None
            );
        }
        catch (Exception exception) when (IsOfNamespaceGone(commands[0], exception))
        {
            throw WentAway(commands[0], exception);
        }
        catch (Win32Exception exception)
        {
            throw new HostException(Tool.WhyNotStarted("ip", "iproute2", exception), exception);
        }
    }

    /// <summary>Writes settings to the kernel.</summary>
    /// <returns>Those whose link is not there.</returns>
    private static List<LinkCommand> Set(List<LinkCommand> settings) =>
        settings is [var first, ..]
            ? Within(first, () => settings.FindAll(setting => !IsSet(setting)))
            : [];

    /// <summary>Does something in the network namespace of a command.</summary>
    private static T Within<T>(LinkCommand first, Func<T> work)
    {
        try
        {
            return first.Namespace is { } space
                ? NetworkNamespace.Run(ContainerSighting.PathOf(space), work)
                : work();
        }
        catch (Exception exception) when (IsOfNamespaceGone(first, exception))
        {
            throw WentAway(first, exception);
        }
        catch (Win32Exception exception)
        {
            throw new LinkBatchException(
                $"network namespace {first.Namespace} cannot be entered: {exception.Message}",
                first,
                exception
            );
        }
    }

    private static bool IsSet(LinkCommand setting)
    {
        var (path, value) = setting.Line.Split('=') switch
        {
            [var name, var given] => ($"/proc/sys/{name}", given),
            _ => throw new ArgumentException($"'{setting.Line}' is no setting", nameof(setting)),
        };
        try
        {
            // The kernel looks the setting up in the network namespace of the thread that opens the file.
            File.WriteAllText(path, value);
            return true;
        }
        catch (Exception exception)
            when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LinkBatchException(
                $"`{setting}` failed: {exception.Message}",
                setting,
                exception
            );
        }
    }

    private static bool IsOfNamespaceGone(LinkCommand command, Exception exception) =>
        exception is FileNotFoundException or DirectoryNotFoundException or Win32Exception
        && command.Namespace is { } space
        && !NetworkNamespace.IsAt(ContainerSighting.PathOf(space));

    private static LinkBatchException WentAway(LinkCommand command, Exception exception) =>
        new(
            $"network namespace {command.Namespace} went away: its container has ended",
            command,
            exception
        )
        {
            IsOfNamespaceGone = true,
        };

    private static LinkBatchException Failure(List<LinkCommand> commands, string errors)
    {
        var failed = FailedLine().Match(errors);
        var words = FailedLine().Replace(errors, "").Trim().ReplaceLineEndings("; ");
        return
            failed.Success
            && int.Parse(failed.Groups["line"].ValueSpan) is var line
            && line >= 1
            && line <= commands.Count
            ? new LinkBatchException($"`{commands[line - 1]}` failed: {words}", commands[line - 1])
            // `ip` looks up the namespaces of a whole batch before it counts lines, and stops at a word that it does not accept
            // without naming the line.
            : new LinkBatchException($"ip failed: {words}", null)
            {
                IsOfNamespaceGone = words.Contains(NoNamespace, StringComparison.Ordinal),
            };
    }

    [GeneratedRegex(
        @"Command failed -:(?<line>\d+)",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex FailedLine();
}

/// <summary>A link command failed.</summary>
/// <param name="message">Which, and why, in the words of <c>ip</c>.</param>
/// <param name="failed">The command; null where nobody knows.</param>
/// <param name="inner">What led to it.</param>
internal sealed class LinkBatchException(
    string message,
    LinkCommand? failed,
    Exception? inner = null
) : HostException(message, inner)
{
    /// <summary>The command that failed; null where nobody knows.</summary>
    public LinkCommand? Failed { get; } = failed;

    /// <summary>Whether the network namespace was gone: its container has ended, even if another of its name is there by now.</summary>
    public bool IsOfNamespaceGone { get; init; }
}
