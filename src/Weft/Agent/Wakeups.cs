using System.Threading.Channels;

namespace Weft.Agent;

/// <summary>What wakes the agent. Whatever happens while it is at work is one more round, not many.</summary>
internal sealed class Wakeups
{
    private const int MostReasons = 3;

    private readonly Channel<bool> signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly Lock gate = new();
    private readonly List<string> reasons = [];
    private long since;

    /// <summary>Wakes the agent.</summary>
    /// <param name="reason">What happened, in words.</param>
    public void Wake(string reason)
    {
        lock (gate)
        {
            if (reasons.Count == 0)
            {
                since = TimeProvider.System.GetTimestamp();
            }
            if (reasons.Count <= MostReasons && !reasons.Contains(reason))
            {
                reasons.Add(reason);
            }
            signal.Writer.TryWrite(true);
        }
    }

    /// <summary>Waits for the next reason, or for a time to pass.</summary>
    /// <returns>Why the agent woke, and when that began (<see cref="TimeProvider.GetTimestamp"/>); null if the time has passed.</returns>
    public async Task<(string Why, long Since)?> WaitAsync(
        TimeSpan longest,
        CancellationToken cancellationToken
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        try
        {
            await signal.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        lock (gate)
        {
            var why =
                reasons.Count > MostReasons
                    ? string.Join(", ", reasons.Take(MostReasons)) + ", …"
                    : string.Join(", ", reasons);
            reasons.Clear();
            // What came between the signal and here is reported too: another round for it would have nothing to do.
            signal.Reader.TryRead(out _);
            return (why, since);
        }
    }
}
