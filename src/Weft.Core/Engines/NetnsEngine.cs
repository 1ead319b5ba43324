using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>Named network namespaces (ip-netns(8)): each is a container that always runs and has no labels.</summary>
/// <param name="root">The root directory of the host: none for this one, else such as <c>/proc/PID/root</c>.</param>
public sealed class NetnsEngine(string root = "") : IContainerEngine
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string directory = $"{root}/run/netns";

    /// <inheritdoc/>
    public Engine Engine => Engine.Netns;

    /// <inheritdoc/>
    public string Absence => $"{Engine.Word} does not run on this host: there is no {directory}";

    /// <inheritdoc/>
    public Task KnockAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<ImmutableArray<ContainerSighting>?> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Task.FromResult<ImmutableArray<ContainerSighting>?>([
                .. Directory
                    .EnumerateFiles(directory)
                    .Select(path => See(Path.GetFileName(path)))
                    .OfType<ContainerSighting>()
                    .OrderBy(one => one.Key.Name, StringComparer.Ordinal),
            ]);
        }
        catch (DirectoryNotFoundException)
        {
            return Task.FromResult<ImmutableArray<ContainerSighting>?>([]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CannotBeRead(exception);
        }
    }

    /// <inheritdoc/>
    public Task<ContainerSighting?> FindAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(name.Contains('/') || name is "" or "." or ".." ? null : See(name));

    /// <inheritdoc/>
    /// <remarks>Makes the directory where there is none yet, as <c>ip netns</c> would.</remarks>
    public async IAsyncEnumerable<ContainerEvent> WatchAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var seen = Channel.CreateUnbounded<ContainerEvent>();
        using var watcher = Watch(seen.Writer);
        yield return new ContainerEvent(null, "watching");
        // ip-netns(8) makes a file first and then mounts the namespace over it, which no event tells.
        var awaited = new Dictionary<string, long>(StringComparer.Ordinal);
        var clock = TimeProvider.System;
        while (true)
        {
            if (awaited.Count == 0)
            {
                await seen.Reader.WaitToReadAsync(cancellationToken);
            }
            else
            {
                await Task.Delay(Pause, cancellationToken);
            }
            while (seen.Reader.TryRead(out var one))
            {
                if (one is { Name: { } name, What: "added" } && !IsThere(name))
                {
                    awaited[name] = clock.GetTimestamp();
                    continue;
                }
                if (one.Name is not null)
                {
                    awaited.Remove(one.Name);
                }
                yield return one;
            }
            foreach (var (name, since) in awaited.ToList())
            {
                if (IsThere(name))
                {
                    awaited.Remove(name);
                    yield return new ContainerEvent(name, "added");
                }
                else if (clock.GetElapsedTime(since) > Patience)
                {
                    awaited.Remove(name);
                }
            }
        }
    }

    /// <inheritdoc/>
    public Task SetNicAsync(
        string name,
        string device,
        NicDevice? nic,
        CancellationToken cancellationToken
    ) => Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private bool IsThere(string name) => NetworkNamespace.IsAt($"{directory}/{name}");

    private ContainerSighting? See(string name)
    {
        var path = $"{directory}/{name}";
        return NetworkNamespace.IsAt(path)
            ? new ContainerSighting
            {
                Key = new ContainerKey(Engine, name),
                Id = name,
                Namespace = path,
            }
            : null;
    }

    private FileSystemWatcher Watch(ChannelWriter<ContainerEvent> seen)
    {
        try
        {
            Directory.CreateDirectory(directory);
            var watcher = new FileSystemWatcher(directory)
            {
                NotifyFilter = NotifyFilters.FileName,
            };
            watcher.Created += (_, file) => seen.TryWrite(new ContainerEvent(file.Name, "added"));
            watcher.Deleted += (_, file) => seen.TryWrite(new ContainerEvent(file.Name, "deleted"));
            // The kernel had no room for so many events: anything may have happened.
            watcher.Error += (_, _) => seen.TryWrite(new ContainerEvent(null, "changed"));
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw CannotBeRead(exception);
        }
    }

    private HostException CannotBeRead(Exception exception) =>
        new($"{directory} cannot be looked at: {exception.Message}", exception);
}
