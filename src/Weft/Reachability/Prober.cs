using System.Collections.Immutable;
using System.ComponentModel;
using System.Net.Sockets;

namespace Weft.Reachability;

/// <summary>Sends the probes of one host and its containers, all at the same time.</summary>
/// <param name="namespaceOf">
/// The network namespace that an endpoint's address is in, as a path; null for this process's own.
/// </param>
/// <param name="time">The clock.</param>
internal sealed class Prober(Func<Endpoint, string?> namespaceOf, TimeProvider time)
{
    private const int MostAtOnce = 64;
    private static readonly TimeSpan AddressPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether to send one packet per probe, so that losses can be counted.</summary>
    public bool IsOnce { get; init; }

    /// <summary>Sends the probes and returns their results, grouped by sender.</summary>
    /// <param name="probes">The probes to send.</param>
    /// <param name="patience">How long to wait for each answer; probes are repeated until then.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<ImmutableArray<ProbeResult>> RunAsync(
        IEnumerable<Probe> probes,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        using var places = new SemaphoreSlim(MostAtOnce);
        var bySource = probes.GroupBy(probe => probe.From).ToArray();
        var results = await Task.WhenAll(
            bySource.Select(group =>
                FromAsync(group.Key, [.. group], patience, places, cancellationToken)
            )
        );
        return [.. results.SelectMany(result => result)];
    }

    private async Task<ProbeResult[]> FromAsync(
        Endpoint source,
        Probe[] probes,
        TimeSpan patience,
        SemaphoreSlim places,
        CancellationToken cancellationToken
    )
    {
        var (opened, trouble) = await OpenAsync(source, patience, cancellationToken);
        if (opened is null)
        {
            return [.. probes.Select(probe => ProbeResult.Of(probe, trouble!))];
        }
        await using var socket = opened;
        var results = await Task.WhenAll(
            probes.Select(probe =>
                InTurnAsync(
                    async () =>
                        ProbeResult.Of(
                            probe,
                            IsOnce
                                ? await socket.AskOnceAsync(
                                    probe.To.Address,
                                    probe.Size,
                                    patience,
                                    cancellationToken
                                )
                                : await socket.AskAsync(
                                    probe.To.Address,
                                    probe.Size,
                                    patience,
                                    cancellationToken
                                )
                        ),
                    places,
                    cancellationToken
                )
            )
        );
        var ways = results.ToLookup(result => (result.Network, result.To));
        return await Task.WhenAll(
            results.Select(result =>
                SmallerOne([.. ways[(result.Network, result.To)]], result) is { } passes
                    ? InTurnAsync(
                        async () =>
                            result with
                            {
                                Fits = await socket.LargestAsync(
                                    result.To.Address,
                                    passes,
                                    result.Size,
                                    cancellationToken
                                ),
                            },
                        places,
                        cancellationToken
                    )
                    : Task.FromResult(result)
            )
        );
    }

    /// <summary>
    /// The largest size that gets through on the path where this size is lost or too long; null where none does.
    /// </summary>
    private static int? SmallerOne(ProbeResult[] way, ProbeResult result)
    {
        var reached = way.Where(other =>
                other.Outcome is Outcome.Reached && other.Size < result.Size
            )
            .ToArray();
        return result.Outcome is Outcome.Lost or Outcome.TooLong && reached.Length > 0
            ? reached.Max(other => other.Size)
            : null;
    }

    private static async Task<ProbeResult> InTurnAsync(
        Func<Task<ProbeResult>> ask,
        SemaphoreSlim places,
        CancellationToken cancellationToken
    )
    {
        await places.WaitAsync(cancellationToken);
        try
        {
            return await ask();
        }
        finally
        {
            places.Release();
        }
    }

    // Retries while an address is missing: an IPv6 address cannot be bound to before duplicate address detection is over.
    private async Task<(EchoSocket? Socket, Answer? Trouble)> OpenAsync(
        Endpoint source,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        while (true)
        {
            Answer trouble;
            try
            {
                return (EchoSocket.Open(namespaceOf(source), source.Address, time), null);
            }
            // While `ip netns` makes or unmounts a namespace, its name is an ordinary file (ip-netns(8)).
            catch (Exception exception)
                when (exception is FileNotFoundException or Win32Exception and not SocketException)
            {
                return (null, new Answer(Outcome.NotRunning));
            }
            catch (SocketException exception)
                when (exception.SocketErrorCode is SocketError.AddressNotAvailable)
            {
                trouble = new Answer(Outcome.NoAddress);
            }
            if (time.GetElapsedTime(started) > patience)
            {
                return (null, trouble);
            }
            await Task.Delay(AddressPause, time, cancellationToken);
        }
    }
}
