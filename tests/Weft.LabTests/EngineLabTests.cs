namespace Weft.LabTests;

/// <summary>Labs whose containers are made by their own engines.</summary>
public sealed class EngineLabTests
{
    private const string Yaml = """
        name: engines
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks: { net0: { vlan: 100, subnet: 10.8.2.0/24, bridge: true } }
        containers:
          d1: { host: host1, engine: docker, networks: { net0: 10.8.2.1 } }
          p1: { host: host1, engine: podman, networks: { net0: 10.8.2.2 } }
          l1: { host: host1, engine: lxd, networks: { net0: 10.8.2.3 } }
          i1: { host: host1, engine: incus, networks: { net0: 10.8.2.4 } }
          n1: { host: host1, engine: netns, networks: { net0: 10.8.2.5 } }
          d2: { host: host2, engine: docker, networks: { net0: 10.8.2.6 } }
          p2: { host: host2, engine: podman, networks: { net0: 10.8.2.7 } }
          l2: { host: host2, engine: lxd, networks: { net0: 10.8.2.8 } }
          i2: { host: host2, engine: incus, networks: { net0: 10.8.2.9 } }
        """;

    private const string Begin = $"""
        file=$(mktemp)
        cat >$file <<'YAML'
        {Yaml}
        YAML
        groups() {"{"} find /sys/fs/cgroup -maxdepth 2 -name "weft-lab-$1-*"; {"}"}
        """;

    [Fact]
    public async Task A_lab_with_all_engines_is_worked_in_and_leaves_no_trace()
    {
        Needs.Engines(OverlayLab.Parse(Yaml));
        var said = await QuietMachine.LeftAsItWasByAsync(
            $$"""
            {{Begin}}
            $weft lab up $file --engines --no-apply || exit 1
            for container in d1 p1 l1 i1 n1; do
              # Its own network, and programs to look into it with.
              $weft lab exec --container $container host1 -- sh -c 'ip link set lo up && ping -c 1 127.0.0.1 >/dev/null && ls /sys/class/net' || exit 1
            done
            for container in d2 p2 l2 i2; do
              echo told | $weft lab exec --container $container host2 -- sh -c 'cat; exit 7'
              [ $? = 7 ] || exit 1
            done
            $weft lab exec host1 -- docker stop -t 0 d1 >/dev/null || exit 1
            $weft lab exec --container d1 host1 true 2>&1 && exit 1
            $weft lab exec host1 -- sh -c 'echo "engine: ${WEFT_ENGINE-}"'
            $weft lab exec host1 -- docker run -d --name more --network none weft-lab >/dev/null || exit 1
            $weft lab exec host2 -- podman run -d --name more --network none weft-lab >/dev/null || exit 1
            [ "$(groups engines)" ] || exit 1
            $weft lab down engines || exit 1
            groups engines
            rm $file
            """
        );
        Assert.Contains("d1 does not run", said, StringComparison.Ordinal);
        Assert.Contains("engine: \n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("weft-lab-", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whenever_the_command_that_makes_it_is_killed_down_removes_everything()
    {
        Needs.Engines(OverlayLab.Parse(Yaml));
        var said = await QuietMachine.LeftAsItWasByAsync(
            $$"""
            {{Begin}}
            for moment in 0.2 0.5 0.8 1.1 1.5 2.0; do
              $weft lab up $file --engines --no-apply --name killed >/run/said 2>&1 &
              making=$!
              sleep $moment
              kill -KILL $making
              wait $making 2>/dev/null
              if [ -d /run/weft/labs/killed ]; then echo "left at $moment"; $weft lab down killed >/run/said 2>&1 || { cat /run/said; exit 1; }; fi
              rm /run/said
              groups killed
            done
            rm $file
            """
        );
        // The test would show nothing if the moments had all been before there was anything to remove.
        Assert.Contains("left at", said, StringComparison.Ordinal);
        Assert.DoesNotContain("weft-lab-", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Packages_that_are_missing_are_named_before_anything_is_made()
    {
        Needs.Engines(OverlayLab.Parse(Yaml));
        var said = await QuietMachine.LeftAsItWasByAsync(
            $$"""
            {{Begin}}
            hidden=$(mktemp -d)
            unshare --mount sh -c "mount -n --bind $hidden /usr/libexec/incus && $weft lab up $file --engines --no-apply" 2>&1
            echo "code $?"
            $weft lab up $file --engines --isolation uml --no-apply 2>&1
            echo "code $?"
            rm -r $file $hidden
            """
        );
        Assert.Contains("apt-get install incus-base\n", said, StringComparison.Ordinal);
        Assert.Contains("leave out --engines", said, StringComparison.Ordinal);
        Assert.DoesNotContain("code 0", said, StringComparison.Ordinal);
    }
}
