using System.Collections.Concurrent;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>The doors to this host's engines, each opened when it is first needed.</summary>
/// <param name="open">Opens one.</param>
public sealed class EngineSet(Func<Engine, IContainerEngine> open) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Engine, Lazy<IContainerEngine>> doors = new();

    /// <summary>The door to an engine, whether it runs here or not.</summary>
    public IContainerEngine Of(Engine engine) =>
        doors.GetOrAdd(engine, one => new Lazy<IContainerEngine>(() => open(one))).Value;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var door in doors.Values.Where(door => door.IsValueCreated))
        {
            await door.Value.DisposeAsync();
        }
    }
}
