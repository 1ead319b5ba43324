using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using Weft.Agent;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Tests;

/// <summary>What the agent is woken by while it watches an engine.</summary>
public sealed class EngineWatchTests : IAsyncDisposable
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private readonly Clock clock = new();
    private readonly CancellationTokenSource stop = new();
    private readonly List<string> reasons = [];
    private readonly List<string?> changed = [];
    private readonly Door door = new();
    private readonly Task running;

    public EngineWatchTests() =>
        running = new EngineWatch(door, changed.Add, reasons.Add, clock).RunAsync(stop.Token);

    [Fact]
    public async Task An_engine_that_is_not_there_wakes_nobody_and_is_found_when_it_comes()
    {
        for (var times = 0; times < 100; times++)
        {
            await PausesAsync(Short);
        }
        Assert.Empty(reasons);

        await PausesAsync(Short, () => door.Tell = ["watching", "start"]);
        await PausesAsync(
            Short,
            () =>
            {
                Assert.Equal(
                    ["docker: watching", "docker: start web", "docker went away"],
                    reasons
                );
                // Nobody tells what it has from now on.
                Assert.Null(changed[^1]);
                door.Tell = null;
            }
        );
        await PausesAsync(Short);
        await PausesAsync(Short);
        Assert.Equal(3, reasons.Count);
    }

    [Fact]
    public async Task An_engine_that_begins_to_tell_and_ends_at_once_leaves_some_rest()
    {
        await PausesAsync(Short, () => door.Tell = ["watching"]);
        for (var pause = Short; pause < Long; pause *= 2)
        {
            await PausesAsync(pause);
        }
        // One that was there for a while is looked for soon.
        await PausesAsync(Long, () => door.Meanwhile = () => clock.Advance(Short));
        await PausesAsync(Short);
    }

    [Fact]
    public async Task An_engine_that_is_started_anew_again_and_again_is_found_soon_each_time()
    {
        await PausesAsync(Short, () => door.Tell = ["watching", "start"]);
        door.Meanwhile = () => clock.Advance(TimeSpan.FromSeconds(5));
        for (var times = 0; times < 6; times++)
        {
            await PausesAsync(Short);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    /// <summary>Awaits that it waits for that long, and lets the time pass.</summary>
    private async Task PausesAsync(TimeSpan time, Action? before = null)
    {
        Assert.Equal(time, await clock.PauseAsync());
        before?.Invoke();
        clock.Advance(time);
    }

    /// <summary>A clock that says when somebody waits for it.</summary>
    private sealed class Clock : FakeTimeProvider
    {
        private readonly Channel<TimeSpan> pauses = Channel.CreateUnbounded<TimeSpan>();

        public ValueTask<TimeSpan> PauseAsync() =>
            pauses.Reader.ReadAsync(TestContext.Current.CancellationToken);

        public override ITimer CreateTimer(
            TimerCallback callback,
            object? state,
            TimeSpan dueTime,
            TimeSpan period
        )
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            pauses.Writer.TryWrite(dueTime);
            return timer;
        }
    }

    /// <summary>An engine that is not there, or that tells something and goes away.</summary>
    private sealed class Door : IContainerEngine
    {
        public Engine Engine => Engine.Docker;

        public string Absence => "docker does not run";

        public Task KnockAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public IReadOnlyList<string>? Tell { get; set; }

        public Action Meanwhile { get; set; } = () => { };

        public async IAsyncEnumerable<ContainerEvent> WatchAsync(
            [EnumeratorCancellation] CancellationToken cancellationToken
        )
        {
            foreach (var what in Tell ?? throw new HostException("docker does not run"))
            {
                yield return new ContainerEvent(what is "watching" ? null : "web", what);
            }
            Meanwhile();
            await Task.CompletedTask;
        }

        public Task<ImmutableArray<ContainerSighting>?> ListAsync(
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task<ContainerSighting?> FindAsync(
            string name,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public Task SetNicAsync(
            string name,
            string device,
            NicDevice? nic,
            CancellationToken cancellationToken
        ) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
