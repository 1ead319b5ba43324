using System.Collections.Immutable;
using System.Text.Json;
using Weft.Core;
using Weft.Core.Linux;

namespace Weft.Fleet;

/// <summary>
/// The hosts of one overlay on which weft can be run: those of a lab, or real ones over SSH. Whatever asks several hosts uses
/// this interface and does not care which they are.
/// </summary>
internal interface IHostRunner
{
    /// <summary>The hosts' names, in the order of the overlay file.</summary>
    IReadOnlyList<string> Hosts { get; }

    /// <summary>Runs weft on a host as root and waits for it to end.</summary>
    /// <param name="host">One of <see cref="Hosts"/>.</param>
    /// <param name="arguments">The arguments of <c>weft</c>. Secrets must go by <paramref name="input"/> instead.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="cancellationToken">Stops waiting; the host finishes what it has begun.</param>
    /// <exception cref="HostException">Weft could not be run there; errors of weft itself are in the result.</exception>
    Task<ToolResult> RunAsync(
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    );
}

/// <summary>The result of running weft on one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="Result">The exit code and output; null where it could not be run.</param>
/// <param name="Unreached">Why it could not be run; null where it was.</param>
internal sealed record HostAnswer(string Host, ToolResult? Result, string? Unreached)
{
    /// <summary>The message for an answer that this version cannot read.</summary>
    public const string OfAnotherVersion =
        "it answers as another version of weft does: install the same version on every host and here";

    /// <summary>A remark of this machine about the host, beside weft's own.</summary>
    public string? Remark { get; init; }

    /// <summary>Whether weft's output there could not be parsed here.</summary>
    public bool IsUnread { get; init; }

    /// <summary>Whether weft succeeded there, and its answer was understood.</summary>
    public bool IsDone => ExitCode == Weft.ExitCode.Done && !IsUnread;

    /// <summary>The exit code; that of failure where the host was not reached.</summary>
    public int ExitCode => Result?.ExitCode ?? Weft.ExitCode.Failed;

    /// <summary>The standard output; empty where it could not be run.</summary>
    public string Output => Result?.Output ?? "";

    /// <summary>The lines on standard error, without progress and without their prefixes.</summary>
    public IReadOnlyList<string> Remarks =>
        [
            .. (Result?.Errors ?? "")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(line => !Rendering.Output.IsProgress(line))
                .Select(line =>
                    Array.Find(
                        Rendering.Output.Marks,
                        mark => line.StartsWith(mark, StringComparison.Ordinal)
                    )
                        is { } mark
                        ? line[mark.Length..]
                        : line
                ),
        ];

    /// <summary>The last remark, which says most; null where there is none.</summary>
    public string? LastRemark => Remarks is [.., var last] ? last : null;

    /// <summary>Why there is no readable answer, with all remarks.</summary>
    public string Fault =>
        Unreached
        ?? string.Join(
            "; ",
            Remarks
                .Concat(string.IsNullOrWhiteSpace(Output) ? [] : [OfAnotherVersion])
                .DefaultIfEmpty("weft says nothing")
        );

    /// <summary>What went wrong, as a sentence.</summary>
    /// <param name="what">What the host did not do, as in "has no plan".</param>
    public string Why(string what) => Unreached ?? $"host '{Host}' {what}: {Fault}";
}

/// <summary>A host that gave no answer.</summary>
/// <param name="Host">The host.</param>
/// <param name="Why">Why, as a sentence.</param>
internal sealed record UnaskedHost(string Host, string Why);

/// <summary>Asks several hosts at once.</summary>
internal static class HostRunners
{
    /// <summary>The number of hosts to ask at a time by default.</summary>
    public const int DefaultJobs = 16;

    /// <summary>Runs weft on every host; an unreachable host does not keep the others from being asked.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="arguments">The arguments of <c>weft</c> on a host.</param>
    /// <param name="input">The standard input of each run.</param>
    /// <param name="jobs">The number of hosts to ask at a time.</param>
    /// <param name="answered">Called with each answer as it arrives.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The answers, in the order of the hosts.</returns>
    public static Task<IReadOnlyList<HostAnswer>> AskAllAsync(
        this IHostRunner runner,
        Func<string, IReadOnlyList<string>> arguments,
        ReadOnlyMemory<byte> input = default,
        int jobs = DefaultJobs,
        Action<HostAnswer>? answered = null,
        CancellationToken cancellationToken = default
    ) =>
        EachAsync(
            runner.Hosts,
            jobs,
            (host, cancellation) => runner.AskAsync(host, arguments(host), input, cancellation),
            answered,
            cancellationToken
        );

    /// <summary>Asks every host something that is answered in JSON.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="arguments">The arguments of <c>weft</c> on a host.</param>
    /// <param name="read">Parses an answer; throws a <see cref="JsonException"/> if it is invalid.</param>
    /// <param name="silence">What to say of a host without a valid answer, as in "could not be asked".</param>
    /// <param name="input">The standard input of each run.</param>
    /// <param name="jobs">The number of hosts to ask at a time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The answers, in the order of the hosts, and why other hosts gave none.</returns>
    public static async Task<(
        IReadOnlyList<T> Said,
        ImmutableArray<UnaskedHost> Silent
    )> ReadAllAsync<T>(
        this IHostRunner runner,
        Func<string, IReadOnlyList<string>> arguments,
        Func<string, T> read,
        string silence,
        ReadOnlyMemory<byte> input = default,
        int jobs = DefaultJobs,
        CancellationToken cancellationToken = default
    )
    {
        var said = new List<T>();
        var silent = ImmutableArray.CreateBuilder<UnaskedHost>();
        foreach (
            var answer in await runner.AskAllAsync(
                arguments,
                input,
                jobs,
                cancellationToken: cancellationToken
            )
        )
        {
            try
            {
                said.Add(read(answer.Output));
            }
            catch (JsonException)
            {
                // Ctrl-C also ends the commands that run for hosts, which leaves their output empty.
                cancellationToken.ThrowIfCancellationRequested();
                silent.Add(new UnaskedHost(answer.Host, answer.Why(silence)));
            }
        }
        return (said, silent.DrainToImmutable());
    }

    /// <summary>Runs weft on one host; an unreachable host becomes an answer rather than an exception.</summary>
    public static async Task<HostAnswer> AskAsync(
        this IHostRunner runner,
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            return new HostAnswer(
                host,
                await runner.RunAsync(host, arguments, input, cancellationToken),
                null
            );
        }
        catch (HostException exception)
        {
            return new HostAnswer(host, null, exception.Message);
        }
    }

    /// <summary>Does work for every host, several at a time.</summary>
    /// <returns>The results, in the order of the hosts.</returns>
    public static async Task<IReadOnlyList<T>> EachAsync<T>(
        IReadOnlyList<string> hosts,
        int jobs,
        Func<string, CancellationToken, Task<T>> work,
        Action<T>? done,
        CancellationToken cancellationToken
    )
    {
        var results = new T[hosts.Count];
        await Parallel.ForAsync(
            0,
            hosts.Count,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = jobs,
                CancellationToken = cancellationToken,
            },
            async (index, cancellation) =>
            {
                results[index] = await work(hosts[index], cancellation);
                done?.Invoke(results[index]);
            }
        );
        return results;
    }
}
