using System.Collections.Concurrent;
using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>A lab whose containers are made by one real engine, and the door to that engine on each host.</summary>
internal sealed class EngineLab : IAsyncDisposable
{
    private readonly TestLab lab;
    private readonly List<IContainerEngine> doors = [];

    private EngineLab(TestLab lab, Engine engine)
    {
        this.lab = lab;
        Engine = engine;
    }

    public Engine Engine { get; }

    /// <summary>The program that people talk to the engine by.</summary>
    public string Client => ClientOf(Engine);

    /// <summary>Whether the engine has devices of its own.</summary>
    public bool HasNics => Engine is Engine.Lxd or Engine.Incus;

    public LabHost this[string host] => lab[host];

    /// <summary>Makes as many hosts as asked for, each with a container <c>web</c>; skips where the engine is not installed.</summary>
    public static async Task<EngineLab> UpAsync(Engine engine, int hosts = 1)
    {
        var overlay = TestLab.HostsAt(1500, Enumerable.Range(1, hosts).Select(n => $"192.0.2.{n}"));
        overlay = overlay with
        {
            Containers =
            [
                .. overlay.Hosts.Select(host => new Container
                {
                    Name = "web",
                    Host = host.Name,
                    Engine = engine,
                    Attachments = [],
                }),
            ],
        };
        Needs.Engines(overlay);
        return new EngineLab(
            await TestLab.UpAsync(overlay, new LabOptions { Engines = true }),
            engine
        );
    }

    /// <summary>The door to a host's engine, from outside the host.</summary>
    public IContainerEngine Door(string host = "host1")
    {
        var door = ContainerEngines.Of(Engine, $"/proc/{lab[host].Pid}/root");
        doors.Add(door);
        return door;
    }

    /// <summary>Runs a script in a host, with the engine's client as <c>$c</c>; it must not fail.</summary>
    public async Task<string> RunAsync(string script, string host = "host1") =>
        (await lab.RunAsync(host, $"c={Client}; {script}")).Trim();

    /// <summary>Makes a container that does not run.</summary>
    public Task MakeAsync(string name, string label = "", string host = "host1") =>
        RunAsync(
            (HasNics, label.Length > 0) switch
            {
                (true, false) => $"$c -q init weft-lab {name}",
                (true, true) => $"$c -q init weft-lab {name} -c user.{label}",
                (false, false) => $"$c create --name {name} --network none weft-lab",
                (false, true) => $"$c create --name {name} --network none --label {label} weft-lab",
            },
            host
        );

    /// <summary>Stops a container at once.</summary>
    public Task StopAsync(string name) =>
        RunAsync(HasNics ? $"$c stop -f {name}" : $"$c stop -t 0 {name}");

    /// <summary>Removes a container, whatever it does.</summary>
    public Task RemoveAsync(string name) =>
        RunAsync(HasNics ? $"$c delete -f {name}" : $"$c rm -f {name}");

    /// <summary>Renames a container that does not run.</summary>
    public Task RenameAsync(string name, string other) => RunAsync($"$c rename {name} {other}");

    /// <summary>Kills the engine's daemon, or ends it in peace.</summary>
    public Task EndDaemonAsync(int signal = Libc.SigKill) => RunAsync(EndDaemonOf(Engine, signal));

    /// <summary>Starts the daemon again, as it was started.</summary>
    public Task StartDaemonAsync() => RunAsync(StartDaemonOf(Engine));

    /// <summary>The script in a host that ends an engine's daemon by a signal and waits until it has ended.</summary>
    public static string EndDaemonOf(Engine engine, int signal) =>
        $"for pid in $(pgrep -f '^{DaemonOf(engine)}'); do kill -{signal} $pid; while [ -d /proc/$pid ]; do sleep 0.05; done; done";

    /// <summary>The script in a host that starts an engine's daemon again, as it was started.</summary>
    public static string StartDaemonOf(Engine engine) =>
        (
            engine switch
            {
                Engine.Docker =>
                    "rm -f /run/docker.pid; setsid dockerd --iptables=false --ip6tables=false --bridge=none --exec-opt native.cgroupdriver=cgroupfs",
                Engine.Podman => "setsid podman system service -t 0 unix:///run/podman/podman.sock",
                Engine.Lxd => "setsid lxd --group root --logfile /var/log/lxd.log",
                _ =>
                    "setsid /usr/libexec/incus/incusd --group root --logfile /var/log/incus/incusd.log",
            }
        ) + " </dev/null >/var/log/again.log 2>&1 &";

    /// <summary>The program that people talk to an engine by.</summary>
    public static string ClientOf(Engine engine) => engine is Engine.Lxd ? "lxc" : engine.Word;

    /// <summary>Begins to watch; what happens from then on is there to be awaited.</summary>
    public static async Task<Watched> WatchAsync(IContainerEngine door)
    {
        var watched = new Watched(door);
        await watched.BegunAsync();
        return watched;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var door in doors)
        {
            await door.DisposeAsync();
        }
        await lab.DisposeAsync();
    }

    private static string DaemonOf(Engine engine) =>
        engine switch
        {
            Engine.Docker => "dockerd",
            Engine.Podman => "podman system service",
            Engine.Lxd => "lxd --group",
            _ => "/usr/libexec/incus/incusd",
        };
}

/// <summary>What an engine tells, gathered while it tells.</summary>
internal sealed class Watched : IAsyncDisposable
{
    private readonly ConcurrentQueue<(ContainerEvent Event, long At)> events = new();
    private readonly CancellationTokenSource stop = new();
    private int from;

    public Watched(IContainerEngine door) => Ended = GatherAsync(door);

    /// <summary>Completes with the reason, or null, when the engine tells no more.</summary>
    public Task<Exception?> Ended { get; }

    /// <summary>The words of all events so far.</summary>
    public IEnumerable<string> Words => events.Select(one => one.Event.What);

    public Task BegunAsync() =>
        Eventually.IsAsync(
            () => Task.FromResult(events.Any(one => one.Event.Name is null)),
            () => Ended.IsCompleted ? $"{Ended.Result}" : "still nothing"
        );

    /// <summary>Awaits an event about that container, in one of these words, that came after those awaited before.</summary>
    /// <returns>When it came, by the clock of <see cref="System.Diagnostics.Stopwatch"/>.</returns>
    public async Task<long> HasAsync(string? name, params string[] words)
    {
        (ContainerEvent Event, long At)? found = null;
        await Eventually.IsAsync(
            () =>
            {
                var index = events
                    .Select((one, at) => (one.Event, At: at))
                    .Skip(from)
                    .FirstOrDefault(
                        one => one.Event.Name == name && words.Contains(one.Event.What),
                        (default, -1)
                    )
                    .At;
                if (index >= 0)
                {
                    found = events.ElementAt(index);
                    from = index + 1;
                }
                return Task.FromResult(found is not null);
            },
            () =>
                $"{name} {string.Join('|', words)} among {string.Join(", ", events.Select(one => $"{one.Event.Name} {one.Event.What}"))}"
        );
        return found!.Value.At;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Ended;
        stop.Dispose();
    }

    private async Task<Exception?> GatherAsync(IContainerEngine door)
    {
        try
        {
            await foreach (var one in door.WatchAsync(stop.Token))
            {
                events.Enqueue((one, System.Diagnostics.Stopwatch.GetTimestamp()));
            }
            return null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Core.HostException exception)
        {
            return exception;
        }
    }
}
