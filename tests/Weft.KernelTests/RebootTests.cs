namespace Weft.KernelTests;

/// <summary>A host is turned off and on again.</summary>
public sealed class RebootTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_on_its_disk_is_there_again_and_applying_opens_all_ways(bool cut)
    {
        var lab = await LabAsync();
        await lab.RunAsync("host2", "date +%N >/etc/a-trace; sync");
        var trace = await lab.RunAsync("host2", "cat /etc/a-trace");
        var ports = await lab.RunAsync("host2", "ovs-vsctl list-ports ovsbr0");
        await lab.RebootAsync("host2", cut);
        Assert.Equal(trace, await lab.RunAsync("host2", "cat /etc/a-trace"));
        Assert.Equal(ports, await lab.RunAsync("host2", "ovs-vsctl list-ports ovsbr0"));
        await lab.WeftDoneAsync("host2", "apply", "--yes");
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);
    }
}
