using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>
/// Two hosts with a container of every engine that is installed, each on a container bridge and on the switch: one lab for
/// many tests, as engines take their time to start. Whoever uses it leaves it as it was.
/// </summary>
public sealed class AgentEngineLab : IAsyncDisposable
{
    /// <summary>1500 less IPv4, GRE, the inner Ethernet header and the VLAN tag: 20 + 4 + 14 + 4.</summary>
    internal const int Mtu = 1458;

    private static readonly Engine[] All =
    [
        Engine.Docker,
        Engine.Podman,
        Engine.Lxd,
        Engine.Incus,
        Engine.Netns,
    ];

    private readonly Engine[] engines = [.. All.Where(engine => WhyNot(engine) is null)];
    private OverlayLab? lab;

    internal IReadOnlyList<Engine> Engines => engines;

    /// <summary>The lab, made when it is first asked for; skips where it cannot be made or has no such engine.</summary>
    internal async Task<OverlayLab> UpAsync(params IEnumerable<Engine> needed)
    {
        Needs.ALab();
        foreach (var engine in needed)
        {
            if (WhyNot(engine) is { } reason)
            {
                Assert.Skip(reason);
            }
        }
        return lab ??= await OverlayLab.UpAsync(Yaml, new LabOptions { Engines = true });
    }

    /// <summary>The engine's container on a host: 1 or 2.</summary>
    internal static string On(int host, Engine engine) => $"{Word(engine)}{host}";

    /// <summary>The last number of its addresses in both networks.</summary>
    internal static int NumberOf(int host, Engine engine) => host * 10 + (int)engine;

    /// <summary>Waits until a container is reached, from its own host and from the other, on bridge and switch.</summary>
    internal async Task IsReachedAsync(int host, Engine engine)
    {
        foreach (var network in (string[])["10.8.2", "10.8.4"])
        {
            var address = $"{network}.{NumberOf(host, engine)}";
            await lab!.ReachesAsync("host1", "monitor", address, Mtu);
            await lab.ReachesAsync("host2", "mastodon", address, Mtu);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
        }
    }

    private string Yaml =>
        $$"""
            name: engines
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              net0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
              sw0: { vlan: 300, subnet: 10.8.4.0/24, bridge: true }
            containers:
              monitor: { host: host1, engine: netns, networks: {{Places(101)}} }
              mastodon: { host: host2, engine: netns, networks: {{Places(102)}} }
              joiners: { select: { weft.network: net0 }, networks: { net0: } }

            """
        + string.Concat(
            from engine in engines
            from host in (int[])[1, 2]
            select $"  {On(host, engine)}: {{ host: host{host}, engine: {Word(engine)}, networks: {Places(NumberOf(host, engine))} }}\n"
        );

    private static string Places(int number) =>
        $"{{ net0: 10.8.2.{number}, sw0: {{ address: 10.8.4.{number}, attach: switch }} }}";

    private static string Word(Engine engine) => engine.ToString().ToLowerInvariant();

    private static string? WhyNot(Engine engine)
    {
        var overlay = TestLab.HostsAt(1500, "192.0.2.1");
        var container = new Container
        {
            Name = "web",
            Host = "host1",
            Engine = engine,
            Attachments = [],
        };
        try
        {
            Machine.Check(
                new NamespaceIsolation(),
                overlay with
                {
                    Containers = [container],
                },
                engines: true
            );
            return null;
        }
        catch (LabException exception)
        {
            return exception.Message;
        }
    }
}
