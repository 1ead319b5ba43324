using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Agent;

/// <summary>Hears from an engine what happens to its containers, whenever it is there.</summary>
/// <param name="engine">The engine.</param>
/// <param name="changed">Is told which container is to be looked at again; null for all of the engine's.</param>
/// <param name="wake">Is told why something is to be done now.</param>
/// <param name="clock">The clock.</param>
internal sealed class EngineWatch(
    IContainerEngine engine,
    Action<string?> changed,
    Action<string> wake,
    TimeProvider clock
)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    // An engine that somebody restarts has run for longer than this, however often that is done.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2);

    /// <summary>Runs until it is told to end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var name = engine.Engine.Word;
        var next = ShortestPause;
        while (true)
        {
            var isThere = false;
            var begun = clock.GetTimestamp();
            try
            {
                await foreach (var happened in engine.WatchAsync(cancellationToken))
                {
                    if (!isThere)
                    {
                        isThere = true;
                        begun = clock.GetTimestamp();
                    }
                    changed(happened.Name);
                    wake($"{name}: {happened.What} {happened.Name}".TrimEnd());
                }
            }
            catch (HostException)
            {
                // It does not run: the next round says so, and it is looked for again.
            }
            catch (OperationCanceledException)
            {
                return;
            }
            // An engine that begins to report and ends at once, again and again, would leave the agent no rest.
            var endedAtOnce = isThere && clock.GetElapsedTime(begun) < AtOnce;
            var pause = endedAtOnce ? next : ShortestPause;
            // Whatever happens to its containers until it reports again is seen by rounds that other things cause.
            changed(null);
            if (isThere)
            {
                wake($"{name} went away");
            }
            try
            {
                await Task.Delay(pause, clock, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            next =
                endedAtOnce && pause * 2 < LongestPause ? pause * 2
                : endedAtOnce ? LongestPause
                : ShortestPause;
        }
    }
}
