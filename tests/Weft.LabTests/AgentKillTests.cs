using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>An agent that is killed at any instant, while containers come and go, leaves nothing and gives nothing out twice.</summary>
public sealed class AgentKillTests
{
    private const int Containers = 8;
    private const int RoundsOfEveryRun = 100;

    private static readonly string Yaml = $$"""
        name: homelab
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
          sw0: { vlan: 300, subnet: 10.8.4.0/24, bridge: true }
        containers:
        {{string.Join(
            '\n',
            Enumerable.Range(1, Containers).Select(n =>
                $"  c{n}: {{ host: host1, engine: netns, networks: {{ cont-mgmnt0: , sw0: {{ attach: switch }} }} }}"
            )
        )}}
        """;

    /// <summary>How often: <c>WEFT_AGENT_KILLS=1000</c> for a long run.</summary>
    private static int Rounds =>
        int.TryParse(Environment.GetEnvironmentVariable("WEFT_AGENT_KILLS"), out var rounds)
            ? rounds
            : RoundsOfEveryRun;

    [Fact]
    public async Task Killed_at_random_while_containers_come_and_go_it_leaks_nothing()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        var host = lab.Lab["host1"];
        var expected = await StateAsync(lab);
        // A fixed seed: what fails once can be tried again.
        var random = new Random(1947);
        for (var round = 1; round <= Rounds; round++)
        {
            using var agent = Tool.Start(
                host.Enter(null, WeftProgram.Path, "agent"),
                host.Environment
            );
            // nsenter forks for the process namespace: what it started is what is killed.
            await Eventually.IsAsync(() =>
                agent.HasExited || ProcessIdentity.Of(agent.Id)?.Children().Any() == true
            );
            var gone = Enumerable
                .Range(1, Containers)
                .Where(_ => random.NextDouble() < 0.3)
                .Select(n => $"ip netns del c{n}; ip netns add c{n}");
            var span = TimeSpan.FromMilliseconds(random.NextDouble() * 300);
            await Task.WhenAll(
                lab.RunAsync("host1", string.Join('\n', gone.Append(":"))),
                Task.Delay(span, Needs.Cancellation)
            );
            if (
                ProcessIdentity.Of(agent.Id)?.Children().ToList() is not [var only]
                || !only.Send(Libc.SigKill)
            )
            {
                await agent.WaitForExitAsync(Needs.Cancellation);
                Assert.Fail(
                    $"round {round}: the agent had ended by itself with {agent.ExitCode}: {await agent.StandardError.ReadToEndAsync(Needs.Cancellation)}"
                );
            }
            await agent.WaitForExitAsync(Needs.Cancellation);
            if (round % 10 == 0 || round == Rounds)
            {
                await using (var next = await RunningAgent.StartAsync(lab, "host1"))
                {
                    await next.HasMendedAsync();
                }
                Assert.Equal(expected, await StateAsync(lab));
                await lab.WeftDoneAsync("host1", "addresses", "check");
            }
        }
        await lab.AllReachAllAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"killed {Rounds} times");
    }

    /// <summary>Every link, port, namespace and address of the host and its containers; numbers and the kernel's own aside.</summary>
    private static Task<string> StateAsync(OverlayLab lab) =>
        lab.RunAsync(
            "host1",
            """
            ip netns | sed 's/ .*//' | sort
            ovs-vsctl list-ports ovsbr0 | sort
            for table in Port Interface; do ovs-vsctl --columns=name list $table; done | sort | uniq -c
            for container in '' $(ip netns | sed 's/ .*//' | sort); do
              echo "in $container"
              ip ${container:+-n $container} -br addr show | grep -v '^lo ' | sed 's/@[^ ]*//; s/fe80[^ ]*//g' | awk '{ $2 = ""; $1 = $1; print }' | sort
            done
            """
        );
}
