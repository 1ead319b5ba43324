using System.Text;
using Weft.Core.Linux;
using Weft.Core.Observation;

namespace Weft.LabTests;

/// <summary>What the kernel tells of links, and what is read because of it.</summary>
public sealed class LinkReaderTests : IAsyncLifetime
{
    private const int Rounds = 60;
    private const int MostAtOnce = 12;

    private TestLab lab = null!;

    private string Namespace => $"/proc/{lab["host1"].Pid}/ns/net";

    public async ValueTask InitializeAsync() =>
        lab = await TestLab.UpAsync(TestLab.HostsAt(1500, "192.0.2.1"));

    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
        }
    }

    /// <summary>The kernel takes any bytes for a name, and who is root in a container gives them to its links.</summary>
    [Fact]
    public async Task Names_that_are_no_text_keep_nobody_from_reading_the_other_links()
    {
        await lab.RunAsync(
            "host1",
            """
            ip link add "$(printf '\377')" type bridge
            ip link add "$(printf '\376')" type bridge
            ip link add "$(printf '\377\377\377\377\377\377\377')" type veth peer name plain
            """
        );

        var links = NetworkNamespace.Run(Namespace, LinkReader.Read);

        Assert.Contains("plain", links.Keys);
    }

    /// <summary>Root in a container may change its addresses without a pause, and a list of many is never whole then.</summary>
    [Fact]
    public async Task Who_changes_all_the_time_is_not_waited_for()
    {
        const int MostAttempts = 10;
        await lab.RunAsync(
            "host1",
            """
            for i in $(seq 0 9999); do echo "addr add 10.$((i / 62500 + 9)).$((i / 250 % 250)).$((i % 250 + 1))/32 dev lo"; done | ip -batch -
            for i in $(seq 0 9999); do echo "addr add 10.200.0.1/32 dev lo"; echo "addr del 10.200.0.1/32 dev lo"; done >/run/churn
            setsid sh -c 'while :; do ip -batch /run/churn; done' </dev/null >/dev/null 2>&1 & echo $! >/run/churn.pid
            """
        );
        var attempts = 0;
        for (var list = 0; list < 5; list++)
        {
            var before = attempts;
            var listed = 0;
            NetworkNamespace.Run(
                Namespace,
                () =>
                {
                    Netlink.Dump(
                        Netlink.RouteProtocol,
                        22,
                        new byte[8],
                        () =>
                        {
                            attempts++;
                            listed = 0;
                        },
                        (_, _) => listed++
                    );
                    return true;
                }
            );
            Assert.InRange(attempts - before, 1, MostAttempts);
            Assert.True(listed > 9000, $"{listed} addresses");
        }
        Assert.True(attempts > 5, "nothing was interrupted, so this says nothing");
        await lab.RunAsync("host1", "kill -- -$(cat /run/churn.pid)");
    }

    /// <summary>
    /// Bridges, veth pairs and addresses come, go, and are renamed, moved and set at random. Whoever reads only what has
    /// moved knows what one knows who reads all.
    /// </summary>
    [Fact]
    public async Task What_moved_read_alone_makes_the_same_links_as_all_read_anew()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var moved = new HashSet<int>();
        NetworkNamespace.Run(
            Namespace,
            () =>
            {
                LinkWatch.Start(told =>
                {
                    lock (moved)
                    {
                        if (told.Index is { } index)
                        {
                            moved.Add(index);
                        }
                    }
                });
                return true;
            }
        );
        await lab["host1"]
            .RunAsync(["ip", "netns", "add", "c"], cancellationToken: Needs.Cancellation);
        var known = NetworkNamespace.Run(Namespace, LinkReader.Read);
        for (var round = 0; round < Rounds; round++)
        {
            var lines = Enumerable
                .Range(0, random.Next(1, MostAtOnce))
                .Select(_ => Line(random))
                .ToList();
            // What is not there, or there already, is passed over.
            await lab["host1"]
                .RunAsync(
                    ["ip", "-force", "-batch", "-"],
                    Encoding.UTF8.GetBytes(string.Join('\n', lines)),
                    Needs.Cancellation
                );
            string[] all = [];
            string[] alone = [];
            await Eventually.IsAsync(
                () =>
                {
                    HashSet<int> these;
                    lock (moved)
                    {
                        these = [.. moved];
                        moved.Clear();
                    }
                    known = NetworkNamespace.Run(Namespace, () => LinkReader.Read(known, these));
                    alone = Describe(known.Values);
                    all = Describe(NetworkNamespace.Run(Namespace, LinkReader.Read).Values);
                    return Task.FromResult(all.SequenceEqual(alone));
                },
                () =>
                    $"seed {seed}, round {round}, after:\n{string.Join('\n', lines)}\nalone:\n{string.Join('\n', alone.Except(all))}\nall:\n{string.Join('\n', all.Except(alone))}"
            );
        }
        Assert.True(known.Count > 1, "nothing was left to compare");
    }

    private static string Line(Random random)
    {
        var (pair, bridge, other) = (random.Next(6), random.Next(2), random.Next(6));
        return random.Next(16) switch
        {
            0 or 1 => $"link add v{pair} type veth peer name w{pair}",
            2 => $"link add v{pair} type veth peer name eth{pair} netns c",
            3 or 4 => $"link add br{bridge} type bridge",
            5 => $"link del v{pair}",
            6 => $"link del br{bridge}",
            7 or 8 => $"link set v{pair} master br{bridge}",
            9 => $"link set w{pair} name v{other}",
            10 => $"link set br{bridge} name br{2 + random.Next(2)}",
            11 => $"link set w{pair} netns c",
            // The kernel tells of such names only where the link is up (netdev_state_change in net/core/dev.c).
            12 or 13 =>
                $"link set v{pair} up\nlink property {(other < 4 ? "add" : "del")} dev v{pair} altname other{other}",
            14 => $"addr add 10.0.{pair}.{1 + other}/24 dev v{pair}",
            _ => $"link set v{pair} mtu {1400 + other} alias some{other} up",
        };
    }

    private static string[] Describe(IEnumerable<Link> links) =>
        [
            .. links
                .OrderBy(link => link.Index)
                .Select(link =>
                    $"{link with { AlternativeNames = [], Addresses = [], Leased = [], LinkLocal = [], Routes = [] }} {string.Join(' ', link.AlternativeNames)} {string.Join(' ', link.Addresses)} {string.Join(' ', link.Leased)} {string.Join(' ', link.LinkLocal)}"
                ),
        ];
}
