using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Vici;

namespace Weft.Core.Tests.Planning;

public sealed class IpsecPlanTests
{
    private static readonly HostIntent Encrypted = TwoHosts.Intent(TwoHosts.Encrypted);

    [Fact]
    public void A_connection_and_its_key_are_loaded_after_the_guard_and_before_the_tunnel()
    {
        var plan = TwoHosts.Bare().PlanFor(Encrypted);

        var kinds = plan.Changes.Select(change => change.What).Distinct().ToList();
        Assert.Equal(["guard", "key", "connection"], kinds.Take(3));
        var connection = Assert.Single(plan.Changes.OfType<LoadConnection>());
        Assert.Equal("weft-homelab/host2", connection.Name);
        Assert.Equal(["192.0.2.1"], connection.Message.List("local_addrs")!.ToTexts());
        Assert.Equal(["192.0.2.2"], connection.Message.List("remote_addrs")!.ToTexts());
        var child = Assert.Single(connection.Message.Section("children")!.Sections);
        Assert.Equal("transport", child.Value.Text("mode"));
        Assert.Equal(["dynamic[gre]"], child.Value.List("local_ts")!.ToTexts());
        Assert.Equal(["aes256gcm16-ecp384-esn"], child.Value.List("esp_proposals")!.ToTexts());
    }

    /// <summary>Of two that this host and the other have begun: both are the same age, or one is from before the other host was started anew.</summary>
    [Theory]
    [InlineData(2, 2, 2)]
    [InlineData(7, 1, 2)]
    [InlineData(90, 1, 1)]
    [InlineData(1, 90, 2)]
    public void What_another_association_repeats_is_ended_and_not_what_the_other_host_has_alone(
        int ageOfOwn,
        int ageOfTheirs,
        int ended
    )
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        var seen = host.Observe().StrongSwan;
        var own = seen.Associations.Single(ike => ike.Connection == "weft-homelab/host2") with
        {
            Age = TimeSpan.FromSeconds(ageOfOwn),
        };
        var theirs = own with
        {
            Id = 2,
            IsInitiator = false,
            Age = TimeSpan.FromSeconds(ageOfTheirs),
        };

        var connection = Assert.Single(
            PeerConnection.AllOf(Encrypted, seen with { Associations = [theirs, own] })
        );

        Assert.Equal(ended, Assert.Single(connection.Repeated("host1")).Id);
    }

    [Theory]
    [InlineData("gre", 1)]
    [InlineData("vxlan", 2)]
    [InlineData("geneve", 2)]
    public void Packets_may_overtake_each_other_and_a_host_that_is_gone_is_noticed(
        string type,
        int children
    )
    {
        var overlay = TwoHosts.Encrypted with
        {
            Tunnels = TwoHosts.Encrypted.Tunnels with
            {
                Type = Enum.Parse<Core.Addressing.TunnelType>(type, ignoreCase: true),
            },
        };

        var connection = Assert
            .Single(
                TwoHosts.Bare().PlanFor(TwoHosts.Intent(overlay)).Changes.OfType<LoadConnection>()
            )
            .Message;

        Assert.Equal("10s", connection.Text("dpd_delay"));
        var loaded = connection.Section("children")!.Sections.Select(child => child.Value).ToList();
        Assert.Equal(children, loaded.Count);
        Assert.All(
            loaded,
            child =>
                Assert.Equal(
                    ("1024", "aes256gcm16-ecp384-esn", "trap", null, null),
                    (
                        child.Text("replay_window"),
                        Assert.Single(child.List("esp_proposals")!).Text,
                        child.Text("start_action"),
                        child.Text("dpd_action"),
                        child.Text("close_action")
                    )
                )
        );
    }

    [Fact]
    public void One_of_two_hosts_asks_for_the_next_key_and_the_other_only_where_that_one_did_not()
    {
        var settings = TwoHosts.Encrypted.Tunnels.Ipsec! with { RekeySeconds = 600 };
        var overlay = TwoHosts.Encrypted with
        {
            Tunnels = TwoHosts.Encrypted.Tunnels with { Ipsec = settings },
        };
        var (first, second) = (Child("host1"), Child("host2"));

        Assert.Equal("600", first.Text("rekey_time"));
        Assert.Equal("60", first.Text("rand_time"));
        Assert.Equal("630", second.Text("rekey_time"));
        Assert.Equal("0", second.Text("rand_time"));
        Assert.All([first, second], child => Assert.Equal("660", child.Text("life_time")));

        ViciMessage Child(string host) =>
            Assert
                .Single(
                    Assert
                        .Single(
                            TwoHosts
                                .Bare()
                                .PlanFor(IntentBuilder.Build(overlay, host, kernelDatapath: true))
                                .Changes.OfType<LoadConnection>()
                        )
                        .Message.Section("children")!
                        .Sections
                )
                .Value;
    }

    [Fact]
    public void What_is_loaded_is_left_alone()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        Assert.Empty(host.PlanFor(Encrypted).Changes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_connection_is_negotiated_beside_the_switch_where_nothing_is_yet(bool answers)
    {
        var host = TwoHosts.Bare();
        host.PeersAnswer = answers;
        Assert.True(Assert.Single(host.Apply(Encrypted).Changes.OfType<LoadConnection>()).Begins);
        host.Credentials = new CredentialsObservation
        {
            SharedKeys = [Secret.OfText("another key, long enough")],
        };

        var changed = Assert.Single(host.Apply(Encrypted).Changes.OfType<LoadConnection>());

        Assert.Equal(!answers, changed.Begins);
    }

    [Fact]
    public void Another_key_is_loaded_before_the_old_one_goes()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        host.Credentials = new CredentialsObservation
        {
            SharedKeys = [Secret.OfText("another key, long enough")],
        };

        var plan = host.Apply(Encrypted);

        var added = Assert.Single(plan.Changes.OfType<LoadSharedKey>());
        var removed = Assert.Single(plan.Changes.OfType<UnloadSharedKey>());
        Assert.NotEqual(added.Name, removed.Name);
        Assert.True(plan.Changes.IndexOf(added) < plan.Changes.IndexOf(removed));
        Assert.Empty(host.PlanFor(Encrypted).Changes);
    }

    [Fact]
    public void A_private_key_that_Weft_has_loaded_goes_after_the_next_is_there_and_with_the_overlay()
    {
        var certified = TwoHosts.Intent(TwoHosts.Certified);
        var host = TwoHosts.Bare();
        host.Apply(certified);
        var former = host.Credentials.Certificate!.KeyId;
        Renew(host);

        var plan = host.Apply(certified);

        var added = Assert.Single(plan.Changes.OfType<LoadPrivateKey>());
        var removed = Assert.Single(plan.Changes.OfType<UnloadPrivateKey>());
        Assert.Equal(former, removed.Name);
        Assert.True(plan.Changes.IndexOf(added) < plan.Changes.IndexOf(removed));
        Assert.Equal([added.Name], host.Observe().StrongSwan.PrivateKeys);
        Assert.Empty(host.PlanFor(certified).Changes);

        host.Apply(TwoHosts.Intent());
        Assert.Empty(host.Observe().StrongSwan.PrivateKeys);
        Assert.Equal(["office"], host.Observe().StrongSwan.SharedKeys);
    }

    [Fact]
    public void A_private_key_that_somebody_else_has_loaded_too_or_may_use_stays()
    {
        var certified = TwoHosts.Intent(TwoHosts.Certified);
        var key = TwoHosts.Bare().Credentials.Certificate!.KeyId;

        var before = TwoHosts.Bare();
        before.LoadCredentials(key);
        before.Apply(certified);
        before.Apply(TwoHosts.Intent());
        Assert.Equal([key], before.Observe().StrongSwan.PrivateKeys);

        var after = TwoHosts.Bare();
        after.Apply(certified);
        after.LoadCredentials(key);
        Assert.Empty(after.PlanFor(certified).Changes);
        Renew(after);
        after.Apply(certified);
        Assert.Contains(key, after.Observe().StrongSwan.PrivateKeys);

        var beside = TwoHosts.Bare();
        beside.Apply(certified);
        beside.LoadForeignByPrivateKey();
        Renew(beside);
        beside.Apply(certified);
        Assert.Contains(key, beside.Observe().StrongSwan.PrivateKeys);
        Assert.Empty(beside.PlanFor(certified).Changes);
    }

    [Fact]
    public void A_private_key_that_somebody_has_unloaded_is_loaded_again()
    {
        var certified = TwoHosts.Intent(TwoHosts.Certified);
        var host = TwoHosts.Bare();
        host.Apply(certified);
        host.LoadCredentials();
        Assert.IsType<LoadPrivateKey>(Assert.Single(host.Apply(certified).Changes));
        Assert.Empty(host.PlanFor(certified).Changes);
    }

    private static void Renew(ModelHost host) =>
        host.Credentials = host.Credentials with
        {
            Certificate = host.Credentials.Certificate! with
            {
                Certificate = [7, 8, 9],
                KeyId = "fedcba9876543210",
            },
        };

    [Fact]
    public void The_first_of_several_keys_is_the_one_that_the_host_proves_itself_with()
    {
        var (old, next) = (
            Secret.OfText("the key until now"),
            Secret.OfText("the key from now on")
        );
        var host = TwoHosts.Bare();
        Give(old);
        host.Apply(Encrypted);
        var former = Latest();

        Give(old, next);
        var accepting = host.Apply(Encrypted);
        Assert.Empty(accepting.Changes.OfType<LoadConnection>());
        Assert.Equal(former, Latest());

        Give(next, old);
        var switching = host.Apply(Encrypted);
        Assert.Single(switching.Changes.OfType<LoadConnection>());
        Assert.NotEqual(former, Latest());

        Give(next);
        var finishing = host.Apply(Encrypted);
        Assert.Equal(former, Assert.Single(finishing.Changes).Name);
        Assert.IsType<UnloadSharedKey>(finishing.Changes[0]);

        void Give(params Secret[] keys)
        {
            host.Credentials = new CredentialsObservation { SharedKeys = [.. keys] };
        }

        string Latest()
        {
            Assert.Empty(host.PlanFor(Encrypted).Changes);
            return host.Observe()
                .StrongSwan.SharedKeys.First(id =>
                    id.StartsWith("weft-", StringComparison.Ordinal)
                );
        }
    }

    [Theory]
    [InlineData("vxlan", "4789")]
    [InlineData("geneve", "6081")]
    public void A_tunnel_over_UDP_has_a_child_for_each_direction(string type, string port)
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);

        var plan = host.PlanFor(
            TwoHosts.Intent(
                TwoHosts.Encrypted with
                {
                    Tunnels = TwoHosts.Encrypted.Tunnels with
                    {
                        Type = Enum.Parse<Core.Addressing.TunnelType>(type, ignoreCase: true),
                    },
                }
            )
        );

        var changed = Assert.Single(plan.Changes.OfType<LoadConnection>());
        Assert.Equal(ChangeAction.Set, changed.Action);
        Assert.Equal(
            [("dynamic[udp]", $"dynamic[udp/{port}]"), ($"dynamic[udp/{port}]", "dynamic[udp]")],
            changed
                .Message.Section("children")!
                .Sections.Select(child =>
                    (child.Value.List("local_ts")![0].Text, child.Value.List("remote_ts")![0].Text)
                )
        );
    }

    [Fact]
    public void What_leaves_the_file_goes_and_nothing_of_another_overlay_or_administrator_does()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        var longer = TwoHosts.Intent(
            TwoHosts.Certified with
            {
                Name = "homelab-2",
                Switch = "two",
            }
        );
        host.TakeStrongSwanOf(AppliedAlone(longer, host));

        var plan = host.Apply(TwoHosts.Intent());

        Assert.Equal(
            "weft-homelab/host2",
            Assert.Single(plan.Changes.OfType<UnloadConnection>()).Name
        );
        var left = host.Observe().StrongSwan;
        Assert.Contains("office", left.Connections.Keys);
        Assert.Contains("weft-homelab-2/host2", left.Connections.Keys);
        Assert.Contains("office", left.SharedKeys);
    }

    [Fact]
    public void What_was_agreed_on_goes_too_where_its_connection_went_without_it()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        host.Apply(TwoHosts.Intent());
        var seen = host.Observe();

        var plan = Planner.Plan(
            TwoHosts.Intent(),
            seen with
            {
                StrongSwan = seen.StrongSwan with
                {
                    Associations =
                    [
                        .. (
                            (string[])["weft-homelab/host2", "weft-homelab-2/host2", "office"]
                        ).Select(name => new IkeAssociation(name, 1, true, true, true, [])),
                    ],
                },
            }
        );

        Assert.Equal(
            "weft-homelab/host2",
            Assert.Single(plan.Changes.OfType<UnloadConnection>()).Name
        );
    }

    [Fact]
    public void Two_overlays_that_strongSwan_could_not_tell_apart_are_refused()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        Assert.Empty(host.PlanFor(Encrypted).Conflicts);
        var second = TwoHosts.Encrypted with { Name = "second", Switch = "two" };

        var conflict = Assert.Single(
            Beside(TwoHosts.Intent(second)).Conflicts,
            conflict => conflict.Name == "weft-second/host2"
        );
        Assert.Contains("'weft-homelab/host2' of another overlay", conflict.Message);
        Assert.Contains("put the networks of both into one overlay", conflict.Message);

        Assert.Empty(
            Beside(TwoHosts.Intent(second with { Tunnels = TwoHosts.Overlay.Tunnels })).Conflicts
        );
        Assert.Empty(
            Beside(TwoHosts.Intent(second with { Tunnels = TwoHosts.Certified.Tunnels })).Conflicts
        );
        var elsewhere = TwoHosts.Read(
            TwoHosts
                .File.Replace("name: homelab", "name: second", StringComparison.Ordinal)
                .Replace("192.0.2.2", "192.0.2.3", StringComparison.Ordinal)
                .Replace(
                    "type: gre }",
                    "type: gre, ipsec: { psk: { file: /etc/weft/psk } } }",
                    StringComparison.Ordinal
                )
        );
        Assert.Empty(Beside(TwoHosts.Intent(elsewhere)).Conflicts);

        Plan Beside(HostIntent intent)
        {
            var bare = TwoHosts.Bare();
            bare.TakeStrongSwanOf(host);
            return bare.PlanFor(intent);
        }
    }

    [Fact]
    public void No_secret_is_in_what_a_plan_prints()
    {
        const string Key = "correct horse battery staple";
        var host = TwoHosts.Bare();
        host.Credentials = new CredentialsObservation { SharedKeys = [Secret.OfText(Key)] };

        var plan = host.PlanFor(Encrypted);

        Assert.NotEmpty(plan.Changes.OfType<LoadSharedKey>());
        var printed = string.Join('\n', plan.Changes) + string.Join('\n', plan.Commands) + plan;
        Assert.DoesNotContain(Key, printed, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_strongSwan_or_a_key_nothing_is_applied()
    {
        var host = TwoHosts.Bare();
        host.Credentials = new CredentialsObservation { Problem = "the key file is not there" };
        Assert.Contains(
            host.PlanFor(Encrypted).Conflicts,
            conflict => conflict.Message == "the key file is not there"
        );
        var silent = TwoHosts.Bare().Observe() with
        {
            StrongSwan = new StrongSwanObservation { Problem = "strongSwan does not answer" },
        };
        Assert.Contains(
            Planner.Plan(Encrypted, silent).Conflicts,
            conflict =>
                conflict.Message.EndsWith("strongSwan does not answer", StringComparison.Ordinal)
        );
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), silent).Conflicts);
    }

    [Fact]
    public void Status_tells_what_protects_each_tunnel_and_shouts_where_nothing_does()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        var up = Assert.Single(
            HostStatus.Of(Encrypted, host.Observe()).Items,
            item => item.Kind == "encryption"
        );
        Assert.Equal(
            (
                "host2",
                ItemState.Ok,
                "ESP AES_GCM_16-256/ESN, 23 s old, next key in 54 min, 1000 bytes in, 2000 out"
            ),
            (up.Name, up.State, up.Intended)
        );

        host.PeersAnswer = false;

        var status = HostStatus.Of(Encrypted, host.Observe());
        var down = Assert.Single(status.Items, item => item.Kind == "encryption");
        Assert.Equal(ItemState.Error, down.State);
        Assert.StartsWith("DOWN, nothing crosses: nothing is negotiated", down.Detail);
        Assert.False(status.IsHealthy);
        Assert.Empty(status.Drift);
    }

    [Theory]
    [InlineData("received AUTHENTICATION_FAILED notify error", "another key")]
    [InlineData("received NO_PROPOSAL_CHOSEN notify error", "apply the overlay there")]
    [InlineData("retransmit 1 of request with message ID 0", "does not answer at 192.0.2.2")]
    [InlineData("subject certificate invalid (valid from A to B)", "weft pki renew")]
    [InlineData("configured DH group ECP_384 not supported", "libstrongswan-standard-plugins")]
    [InlineData("received TS_UNACCEPTABLE notify, no CHILD_SA built", "same overlay on both")]
    public void Why_a_negotiation_failed_is_said_in_words(string log, string words) =>
        Assert.Contains(
            words,
            IkeFailure.Explain(Encrypted.Ipsec!.Peers[0], [log], "no"),
            StringComparison.Ordinal
        );

    private static ModelHost AppliedAlone(HostIntent intent, ModelHost like)
    {
        var host = TwoHosts.Bare();
        host.TakeStrongSwanOf(like);
        host.Apply(intent);
        return host;
    }
}
