namespace Weft.KernelTests;

/// <summary>Certificates are judged by clocks, and a clock that is wrong is told by the host that has it.</summary>
public sealed class ClockTests
{
    [Fact]
    public async Task A_clock_a_year_ahead_is_told_where_certificates_are_judged_by_it()
    {
        await using var lab = await KernelLab.UpAsync(
            """
            name: clocks
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            tunnels: { type: gre, ipsec: { certificates: true } }
            networks:
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            """
        );
        Assert.Matches(
            "certificate +host2 +expires on ",
            await lab.WeftDoneAsync("host2", "status")
        );
        await lab.RunAsync("host2", "date -s '+400 days' >/dev/null");
        await lab.RunAsync(
            "host1",
            "swanctl --terminate --force --ike weft-clocks/host2 >/dev/null"
        );

        var ahead = await lab.WeftAsync("host2", "apply", "--yes");
        Assert.Contains(
            "host1's certificate is not valid at this time",
            ahead.Errors,
            StringComparison.Ordinal
        );
        var status = await lab.WeftAsync("host2", "status", "--json");
        Assert.Equal(1, status.ExitCode);
        Assert.Contains(
            "DOWN, nothing crosses: this host\\u0027s certificate expired on ",
            status.Output,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "host2 has another key, or does not accept this host's: compare what the two hosts have (and their clocks",
            (await lab.WeftAsync("host1", "apply", "--yes")).Errors,
            StringComparison.Ordinal
        );

        await lab.RunAsync("host2", "date -s '-400 days' >/dev/null");
        await lab.ApplyEverywhereAsync();
        Wire.NothingPlain(await Wire.WatchAsync(lab, lab.AllReachAllAsync));
    }
}
