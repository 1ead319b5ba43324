using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Planning;

public sealed class MonitorPlanTests
{
    private const string TheKey = "correct horse battery staple";

    private static readonly HostIntent Shared = Intent("psk: { file: /etc/weft/psk }");
    private static readonly HostIntent Certified = Intent("certificates: true");

    [Fact]
    public void The_key_is_in_the_tunnels_row_and_in_nothing_that_is_printed()
    {
        var host = WithKey(TheKey);

        var plan = host.Apply(Shared);

        Assert.Equal(TheKey, Options(host)["psk"]);
        Assert.Equal("192.0.2.1", Options(host)["ipsec_left"]);
        Assert.DoesNotContain(TheKey, Printed(plan), StringComparison.Ordinal);
        Assert.Contains("key ••••", Printed(plan), StringComparison.Ordinal);
        Assert.Empty(plan.Changes.OfType<IpsecChange>());
        var kinds = plan.Changes.Select(change => change.What).ToList();
        Assert.Equal("guard", kinds[0]);
        Assert.Empty(host.PlanFor(Shared).Changes);
    }

    [Fact]
    public void Another_key_is_written_and_its_connection_is_told_from_the_former()
    {
        var host = WithKey(TheKey);
        host.Apply(Shared);
        var before = Options(host);
        host.Credentials = Keys("another key, long enough");

        var plan = host.Apply(Shared);

        var change = Assert.IsType<SetColumns>(Assert.Single(plan.Changes));
        Assert.EndsWith(", key ••••", change.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("another key", Printed(plan), StringComparison.Ordinal);
        Assert.DoesNotContain(TheKey, Printed(plan), StringComparison.Ordinal);
        Assert.Equal("another key, long enough", Options(host)["psk"]);
        Assert.NotEqual(before[MonitorOptions.Lifetime], Options(host)[MonitorOptions.Lifetime]);
    }

    [Fact]
    public void A_key_that_somebody_changed_is_put_right_and_neither_is_printed()
    {
        var host = WithKey(TheKey);
        host.Apply(Shared);
        var row = host["Interface"].Single(row => row.Value["name"] == "tun-host2");
        host.SetByHand(
            "Interface",
            row.Key,
            "options",
            row.Value["options"].StringMap.SetItem("psk", "written by hand")
        );

        var plan = host.PlanFor(Shared);

        Assert.Equal("key ••••", Assert.Single(plan.Changes).Detail);
        Assert.DoesNotContain("written by hand", Printed(plan), StringComparison.Ordinal);
        Assert.DoesNotContain(TheKey, Printed(plan), StringComparison.Ordinal);
        host.Apply(Shared);
        Assert.Equal(TheKey, Options(host)["psk"]);
    }

    [Fact]
    public void Whoever_types_the_commands_gets_a_tunnel_without_a_key_and_is_told()
    {
        var commands = WithKey(TheKey).PlanFor(Shared).Commands.ToList();

        var tunnel = commands.FindIndex(line => line.Contains("add-port ovsbr0 tun-host2"));
        Assert.DoesNotContain("psk", commands[tunnel], StringComparison.Ordinal);
        Assert.StartsWith("# and options:psk of interface tun-host2, ••••", commands[tunnel + 1]);
    }

    [Fact]
    public void Certificates_are_settings_of_the_whole_switch_and_their_authority_is_loaded()
    {
        var host = TwoHosts.Bare();

        var plan = host.Apply(Certified);

        Assert.Single(plan.Changes.OfType<LoadAuthority>());
        Assert.Equal("host2", Options(host)["remote_name"]);
        Assert.False(Options(host).ContainsKey("psk"));
        var root = host.Observe().Switch;
        Assert.Equal("/etc/weft/pki/host1.pem", root.OtherConfig["certificate"]);
        Assert.Equal("/etc/weft/pki/host1.key", root.OtherConfig["private_key"]);
        Assert.Equal("/etc/weft/pki/ca.pem", root.OtherConfig["ca_cert"]);
        Assert.Equal("homelab", root.Mark);
        Assert.Empty(host.PlanFor(Certified).Changes);
    }

    [Fact]
    public void A_renewed_certificate_is_told_from_the_former_though_its_files_are_the_same()
    {
        var host = TwoHosts.Bare();
        host.Apply(Certified);
        host.Credentials = host.Credentials with
        {
            Certificate = host.Credentials.Certificate! with { Certificate = [7, 8, 9] },
        };

        var plan = host.PlanFor(Certified);

        var change = Assert.IsType<SetColumns>(Assert.Single(plan.Changes));
        Assert.Equal("tun-host2", change.Name);
    }

    [Fact]
    public void What_is_taken_back_leaves_nothing_and_what_was_there_stays()
    {
        var host = TwoHosts.Bare();
        host.SetRootByHand("other_config", Datum.Map(("ipsec_skb_mark", "0/1")));
        host.SetRootByHand("external_ids", Datum.Map(("system-id", "one")));
        var before = host.Describe();
        foreach (
            var intent in (HostIntent[])[Certified, Shared, Certified, Weft("certificates: true")]
        )
        {
            host.Apply(intent);
            Assert.Empty(host.PlanFor(intent).Changes);
        }
        host.Apply(HostIntent.Nothing("homelab", "host1"));
        Assert.Equal(before, host.Describe());
    }

    [Fact]
    public void Settings_of_somebody_else_are_used_if_they_are_the_same_and_refused_if_not()
    {
        var host = TwoHosts.Bare();
        var same = Certified.Switch!.CertificateSettings!;
        host.SetRootByHand("other_config", same);
        host.Apply(Certified);
        host.Apply(HostIntent.Nothing("homelab", "host1"));
        Assert.Equal(same, host.Observe().Switch.OtherConfig);

        Assert.Contains(
            "ca_cert, certificate, private_key in other_config already",
            Assert.Single(host.PlanFor(Shared).Conflicts).Message,
            StringComparison.Ordinal
        );
        host.SetRootByHand("other_config", Datum.Map(("certificate", "/etc/mine.pem")));
        Assert.Contains(
            "which Weft did not make",
            Assert.Single(host.PlanFor(Certified).Conflicts).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void What_ovs_monitor_ipsec_cannot_do_is_refused()
    {
        var bare = TwoHosts.Bare().Observe();
        var certificate = bare.Credentials!.Certificate!;
        (HostIntent Intent, HostObservation Seen, string Words)[] cases =
        [
            (Shared, bare with { MonitorProblem = "it does not run" }, "it does not run"),
            (
                Shared,
                bare with
                {
                    StrongSwan = new StrongSwanObservation { Problem = "no answer" },
                },
                "no answer; ovs-monitor-ipsec starts it"
            ),
            (
                Shared,
                bare with
                {
                    Credentials = new CredentialsObservation { Problem = "no file" },
                },
                "no file"
            ),
            (
                Shared,
                bare with
                {
                    Credentials = Keys(TheKey, "and another one, too"),
                },
                "there are 2 keys"
            ),
            (
                Shared,
                bare with
                {
                    Credentials = Keys("a \"quoted\" key of some length"),
                },
                "quotation mark"
            ),
            (
                Shared,
                bare with
                {
                    Switch = bare.Switch with { Ports = OneByHand },
                },
                "port 'gre0', which Weft did not make"
            ),
            (Certified, With(certificate with { IsRsa = false }), "weft pki issue --rsa"),
            (Certified, With(certificate with { Subject = "CN=host1" }), "CN=host1"),
            (Certified, With(certificate with { Subject = "CN=host7, O=x" }), "CN=host1"),
        ];
        foreach (var (intent, seen, words) in cases)
        {
            Assert.Contains(
                words,
                Assert.Single(Planner.Plan(intent, seen).Conflicts).Message,
                StringComparison.Ordinal
            );
            Assert.Empty(Planner.Plan(TwoHosts.Intent(), seen).Conflicts);
        }

        HostObservation With(HostCertificate other) =>
            bare with
            {
                Credentials = bare.Credentials with { Certificate = other },
            };
    }

    /// <summary>A tunnel as the guide has it.</summary>
    private static ImmutableDictionary<string, PortRow> OneByHand { get; } =
        ImmutableDictionary<string, PortRow>.Empty.Add(
            "gre0",
            new PortRow
            {
                Uuid = Guid.Empty,
                Name = "gre0",
                Bridge = "br0",
                Interfaces =
                [
                    new InterfaceRow
                    {
                        Uuid = Guid.Empty,
                        Name = "gre0",
                        Type = "gre",
                        Options = ImmutableSortedDictionary<string, string>
                            .Empty.Add("remote_ip", "192.0.2.2")
                            .Add("key", "7"),
                        Key = Secret.OfText("mykey"),
                    },
                ],
            }
        );

    [Theory]
    [InlineData("gre", "tun-host2-1")]
    [InlineData("geneve", "tun-host2-in-1 tun-host2-out-1")]
    public void Status_tells_what_protects_each_tunnel(string type, string names)
    {
        var host = TwoHosts.Bare();
        var intent = Intent("psk: { file: /etc/weft/psk }", type);
        host.Apply(intent);
        var seen = host.Observe();
        var connection = Assert.Single(PeerConnection.AllOf(intent, seen.StrongSwan));
        Assert.Equal(names, string.Join(' ', connection.Children.Select(child => child.Name)));
        Assert.True(connection.IsTakenOver(seen.Switch));
        Assert.True(HostStatus.Of(intent, seen).IsHealthy);

        host.PeersAnswer = false;

        var down = Assert.Single(
            HostStatus.Of(intent, host.Observe()).Items,
            item => item.Kind == "encryption"
        );
        Assert.Equal(("ESP by openvswitch-ipsec", ItemState.Error), (down.Intended, down.State));
    }

    [Fact]
    public void Of_connections_the_newest_counts_and_only_those_of_the_port()
    {
        string[] loaded =
        [
            "tun-host2-9",
            "tun-host2-10",
            "tun-host22-11",
            "tun-host2-x-12",
            // Of a host called host2-in.
            "tun-host2-in-13",
            "tun-host2",
            "office",
        ];
        var host = WithKey(TheKey);
        host.Apply(Shared);
        var @switch = host.Observe().Switch;
        var seen = new StrongSwanObservation
        {
            Connections = loaded.ToImmutableDictionary(
                name => name,
                name => ImmutableArray.Create(name)
            ),
            RekeyTimes = loaded.ToImmutableDictionary(name => name, _ => TimeSpan.FromHours(3)),
            Associations =
            [
                .. loaded.Select(name => new IkeAssociation(name, 1, true, true, true, [])),
            ],
        };

        var connection = Assert.Single(PeerConnection.AllOf(Shared, seen));

        Assert.Equal(
            new NamedChild("tun-host2-10", "tun-host2-10"),
            Assert.Single(connection.Children)
        );
        Assert.Equal(
            ["tun-host2-9", "tun-host2-10"],
            connection.Associations.Select(ike => ike.Connection)
        );
        // It is of the row as it was before.
        Assert.False(connection.IsTakenOver(@switch));
    }

    private static HostIntent Intent(string credentials, string type = "gre") =>
        Weft($"{credentials}, manager: openvswitch-ipsec", type);

    private static HostIntent Weft(string ipsec, string type = "gre") =>
        TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "type: gre }",
                    $"type: {type}, ipsec: {{ {ipsec} }} }}",
                    StringComparison.Ordinal
                )
            )
        );

    private static ModelHost WithKey(string key)
    {
        var host = TwoHosts.Bare();
        host.Credentials = Keys(key);
        return host;
    }

    private static CredentialsObservation Keys(params string[] keys) =>
        new() { SharedKeys = [.. keys.Select(Secret.OfText)] };

    private static ImmutableSortedDictionary<string, string> Options(ModelHost host) =>
        host["Interface"].Values.Single(row => row["name"] == "tun-host2")["options"].StringMap;

    private static string Printed(Plan plan) =>
        string.Join('\n', plan.Changes)
        + string.Join('\n', plan.Commands)
        + string.Join('\n', plan.Changes.OfType<SetColumns>().SelectMany(change => change.Columns))
        + string.Join('\n', plan.Changes.OfType<AddPort>().Select(change => change.Port))
        + plan;
}
