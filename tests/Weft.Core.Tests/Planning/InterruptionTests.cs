using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

/// <summary>What a plan says of what is interrupted though all goes well.</summary>
public sealed class InterruptionTests
{
    [Theory]
    [InlineData("type: gre", "type: vxlan", "gre becomes vxlan: nothing crosses to host2")]
    [InlineData("type: gre", "type: gre, key: 7", "gre becomes gre with key 7: nothing crosses")]
    [InlineData(
        "vlan: 200",
        "vlan: 201",
        "VLAN 200 → 201 (uplink of network cont-mgmnt0): cut off from other hosts until"
    )]
    [InlineData("10.8.3.1", "10.8.3.5", "10.8.3.1 goes: what is connected there is cut off")]
    [InlineData(
        "host2: 192.0.2.2",
        "host2: { address: 192.0.2.2, mtu: 1400 }",
        "MTU 1458 → 1358: until all hosts have it, packets of more than 1358 bytes are lost"
    )]
    public void What_hosts_cannot_change_in_one_moment_is_said(
        string before,
        string after,
        string said
    ) =>
        Assert.Contains(
            PlanFor(before, after).Interruptions,
            words => words.StartsWith(said, StringComparison.Ordinal)
        );

    [Fact]
    public void A_host_that_comes_or_goes_interrupts_nothing()
    {
        const string Three = "host2: 192.0.2.2\n  host3: 192.0.2.3";
        Assert.Empty(PlanFor("host2: 192.0.2.2", Three).Interruptions);
        Assert.Empty(
            PlanFor(
                Three,
                "host2: 192.0.2.2",
                TwoHosts.File.Replace("host2: 192.0.2.2", Three)
            ).Interruptions
        );
    }

    [Fact]
    public void Another_length_of_the_prefix_leaves_the_address_where_it_is() =>
        Assert.Empty(PlanFor("subnet: 10.8.3.0/24", "subnet: 10.8.3.0/25").Interruptions);

    [Fact]
    public void An_address_that_the_kernel_has_given_is_nobodys_to_miss()
    {
        var host = TwoHosts.Applied();
        host.Shell("sysctl -w net/ipv6/conf/cont-mgmnt0/disable_ipv6=0");
        host.Shell("ip addr add fe80::1/64 dev cont-mgmnt0 nodad");
        var plan = host.PlanFor(TwoHosts.Intent());
        Assert.NotEmpty(plan.Changes);
        Assert.Empty(plan.Interruptions);
    }

    [Fact]
    public void What_is_made_or_is_as_it_was_interrupts_nothing()
    {
        Assert.Empty(TwoHosts.Bare().PlanFor(TwoHosts.Intent()).Interruptions);
        Assert.Empty(TwoHosts.Applied().PlanFor(TwoHosts.Intent()).Interruptions);
    }

    [Fact]
    public void Encryption_that_begins_or_ends_is_said()
    {
        var plain = TwoHosts.Applied();
        Assert.Contains(
            plain.PlanFor(TwoHosts.Intent(TwoHosts.Encrypted)).Interruptions,
            words => words.StartsWith("nothing crosses in plaintext any more to host2")
        );
        plain.Apply(TwoHosts.Intent(TwoHosts.Encrypted));
        Assert.Contains(
            plain.PlanFor(TwoHosts.Intent()).Interruptions,
            words => words.StartsWith("what crosses to host2 is encrypted no more")
        );
    }

    private static Plan PlanFor(string before, string after, string? file = null)
    {
        file ??= TwoHosts.File;
        Assert.Contains(before, file, StringComparison.Ordinal);
        var host = TwoHosts.Bare();
        host.Apply(TwoHosts.Intent(TwoHosts.Read(file)));
        return host.PlanFor(TwoHosts.Intent(TwoHosts.Read(file.Replace(before, after))));
    }
}
