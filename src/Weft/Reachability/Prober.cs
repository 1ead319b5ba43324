using System.Collections.Immutable;
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

    /// <summary>Sends the probes and gathers the answers, in the order of the probes.</summary>
    /// <param name="probes">What to ask.</param>
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
        return await Task.WhenAll(
            probes.Select(async probe =>
            {
                await places.WaitAsync(cancellationToken);
                try
                {
                    var answer = await socket.AskAsync(
                        probe.To.Address,
                        probe.Size,
                        patience,
                        cancellationToken
                    );
                    return ProbeResult.Of(probe, answer);
                }
                finally
                {
                    places.Release();
                }
            })
        );
    }

    // An IPv6 address that is still being checked for duplicates cannot be bound to: it is given the time too.
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
            catch (FileNotFoundException)
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
