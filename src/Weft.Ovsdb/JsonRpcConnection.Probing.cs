namespace Weft.Ovsdb;

/// <content>
/// The inactivity probe (RFC 7047, section 4.1.11): after an interval of silence an echo is asked for, after another
/// the connection counts as lost. A peer that vanished without a word is noticed by nothing else.
/// </content>
internal sealed partial class JsonRpcConnection
{
    private static readonly TimeSpan ShortestTimer = TimeSpan.FromMilliseconds(1);

    private readonly TimeSpan _probeInterval;
    private ITimer? _probe;
    private long _lastLife;

    // The last sign of life before an echo was asked for: if there is none since, it was not answered.
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
