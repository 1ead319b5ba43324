namespace Weft.Ovsdb;

/// <content>
/// The inactivity probe (RFC 7047, section 4.1.11): after one interval of silence it sends an echo request, after another it
/// considers the connection lost. Nothing else would detect a peer that vanished without closing the connection.
/// </content>
internal sealed partial class JsonRpcConnection
{
    private static readonly TimeSpan ShortestTimer = TimeSpan.FromMilliseconds(1);

    private readonly TimeSpan _probeInterval;
    private ITimer? _probe;
    private long _lastLife;

    // The last sign of life before the echo request was sent. If it is still the last, there was no answer.
    private long? _probedAfter;

    private void NoteLife() => Volatile.Write(ref _lastLife, _time.GetTimestamp());

    private void StartProbing()
    {
        NoteLife();
        if (_probeInterval > TimeSpan.Zero)
        {
            _probe = _time.CreateTimer(
                static state => ((JsonRpcConnection)state!).Probe(),
                this,
                _probeInterval,
                Timeout.InfiniteTimeSpan
            );
        }
    }

    private void StopProbing() => _probe?.Dispose();

    private void Probe()
    {
        if (IsClosed)
        {
            return;
        }

        var life = Volatile.Read(ref _lastLife);
        var silence = _time.GetElapsedTime(life);
        var next = _probeInterval;
        if (silence < _probeInterval)
        {
            next = _probeInterval - silence;
        }
        else if (life != _probedAfter)
        {
            _probedAfter = life;
            Tell("echo", static _ => { });
        }
        else
        {
            Close(
                new OvsdbConnectionException(
                    $"{Remote} sent nothing for {silence.TotalSeconds:0.#} s, not even an echo when asked",
                    Remote
                )
            );
            return;
        }

        _probe?.Change(next > ShortestTimer ? next : ShortestTimer, Timeout.InfiniteTimeSpan);
    }
}
