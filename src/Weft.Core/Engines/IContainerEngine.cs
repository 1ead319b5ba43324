using System.Collections.Immutable;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>The door to one engine of this host: what runs there, and when that changes.</summary>
public interface IContainerEngine : IAsyncDisposable
{
    /// <summary>Which engine.</summary>
    Engine Engine { get; }

    /// <summary>What to say where the engine is not there or does not run, with what to do where there is something.</summary>
    string Absence { get; }

    /// <summary>
    /// Finds out whether the engine answers, and waits for that. One that does not gets less time for a while from those who
    /// ask it while others wait.
    /// </summary>
    Task KnockAsync(CancellationToken cancellationToken);

    /// <summary>All containers, those that do not run too; null where the engine is not there or does not run.</summary>
    /// <exception cref="HostException">The engine is there and cannot be asked; the message says why and what to do.</exception>
    Task<ImmutableArray<ContainerSighting>?> ListAsync(CancellationToken cancellationToken);

    /// <summary>
    /// One container; null if the engine has none of that name. Unlike the list, this fails if the engine does not run.
    /// </summary>
    /// <exception cref="HostException">The engine is not there, or cannot be asked.</exception>
    Task<ContainerSighting?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Reports what happens to containers. A first event, which names none, says that it watches: whoever lists the containers
    /// then misses nothing. It ends when the engine goes away, or could miss something from then on.
    /// </summary>
    /// <exception cref="HostException">The engine is not there, or stopped telling.</exception>
    IAsyncEnumerable<ContainerEvent> WatchAsync(CancellationToken cancellationToken);

    /// <summary>Gives a container a NIC, or changes the one of that name; does nothing for engines without <see cref="ContainerSighting.Nics"/>.</summary>
    /// <param name="name">The container.</param>
    /// <param name="device">The device's name.</param>
    /// <param name="nic">
    /// The NIC; null removes it. An adopted one is left as it is, and marked. One that is there already, just so, is removed
    /// and added again.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">The engine refused; the message has its words.</exception>
    Task SetNicAsync(
        string name,
        string device,
        NicDevice? nic,
        CancellationToken cancellationToken
    );
}

/// <summary>Something happened to a container.</summary>
/// <param name="Name">The container; null where it could be any, as when watching begins.</param>
/// <param name="What">What happened, in the engine's word, such as <c>start</c>.</param>
public readonly record struct ContainerEvent(string? Name, string What);
