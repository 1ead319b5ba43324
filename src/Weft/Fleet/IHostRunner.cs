using System.Collections.Immutable;
using System.Text.Json;
using Weft.Core;
using Weft.Core.Linux;

namespace Weft.Fleet;

/// <summary>
/// The hosts of one overlay, on each of which weft can be run: those of a lab, or real ones over SSH. Whatever is asked of
/// several hosts goes through this door, and does not care which.
/// </summary>
internal interface IHostRunner
{
    /// <summary>The hosts' names, in the order of the overlay file.</summary>
    IReadOnlyList<string> Hosts { get; }

    /// <summary>Runs weft on a host to its end, as root.</summary>
    /// <param name="host">One of <see cref="Hosts"/>.</param>
    /// <param name="arguments">What follows <c>weft</c>: no secrets, which go by <paramref name="input"/>.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="cancellationToken">Stops waiting; the host ends what it began.</param>
    /// <exception cref="HostException">Weft could not be run there; what it says itself is in the result.</exception>
    Task<ToolResult> RunAsync(
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    );
}

/// <summary>What came of running weft on one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="Result">What weft left; null where it could not be run.</param>
/// <param name="Unreached">Why it could not be run; null where it was.</param>
internal sealed record HostAnswer(string Host, ToolResult? Result, string? Unreached)
{
    /// <summary>What is said of an answer that this weft cannot read.</summary>
    public const string OfAnotherVersion =
        "it answers as another version of weft does: install the same version on every host and here";

    /// <summary>What there is to say besides, of what was done around it.</summary>
    public string? Remark { get; init; }

    /// <summary>Whether what weft wrote there is nothing that this weft knows to read.</summary>
    public bool IsUnread { get; init; }

    /// <summary>Whether weft did there what it was asked, and its answer was understood.</summary>
    public bool IsDone => ExitCode == Weft.ExitCode.Done && !IsUnread;

    /// <summary>The exit code; that of failure where the host was not reached.</summary>
    public int ExitCode => Result?.ExitCode ?? Weft.ExitCode.Failed;

    /// <summary>What weft wrote; nothing where it could not be run.</summary>
    public string Output => Result?.Output ?? "";

    /// <summary>What weft said beside it, without what it begins its lines with.</summary>
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

    /// <summary>The last of it, which tells most; null where nothing was said.</summary>
    public string? LastRemark => Remarks is [.., var last] ? last : null;

    /// <summary>Why there is no answer that can be read, whatever was said beside it.</summary>
    public string Fault =>
        Unreached
        ?? string.Join(
            "; ",
            Remarks
                .Concat(string.IsNullOrWhiteSpace(Output) ? [] : [OfAnotherVersion])
                .DefaultIfEmpty("weft says nothing")
        );

    /// <summary>What went wrong, as a sentence.</summary>
    /// <param name="what">What the host then did not do, as in "has no plan".</param>
    public string Why(string what) => Unreached ?? $"host '{Host}' {what}: {Fault}";
}

/// <summary>A host that told nothing.</summary>
/// <param name="Host">The host.</param>
/// <param name="Why">Why, as a sentence.</param>
internal sealed record UnaskedHost(string Host, string Why);

/// <summary>Asking several hosts at once.</summary>
internal static class HostRunners
{
    /// <summary>How many hosts are asked at a time unless somebody says otherwise.</summary>
    public const int DefaultJobs = 16;

    /// <summary>Runs weft on every host; one that is not reached keeps no other from being asked.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="arguments">What follows <c>weft</c> on a host.</param>
    /// <param name="input">What each reads.</param>
    /// <param name="jobs">How many hosts are asked at a time.</param>
    /// <param name="answered">Called with each answer when it is there.</param>
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

    /// <summary>Asks every host something that it answers as JSON.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="arguments">What follows <c>weft</c> on a host.</param>
    /// <param name="read">Reads an answer; throws a <see cref="JsonException"/> where it is something else.</param>
    /// <param name="silence">What a host did not do that says something else, as in "could not be asked".</param>
    /// <param name="input">What each reads.</param>
    /// <param name="jobs">How many hosts are asked at a time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What the hosts that could be asked said, in the order of the hosts, and why the others could not.</returns>
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
                // Ctrl-C ends what runs for a host too, which then has said nothing.
                cancellationToken.ThrowIfCancellationRequested();
                silent.Add(new UnaskedHost(answer.Host, answer.Why(silence)));
            }
        }
        return (said, silent.DrainToImmutable());
    }

    /// <summary>Runs weft on one host; that it is not reached is an answer too.</summary>
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

    /// <summary>Does something for every host, for several at a time.</summary>
    /// <returns>What came of each, in the order of the hosts.</returns>
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
