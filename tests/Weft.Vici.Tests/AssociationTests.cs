namespace Weft.Vici.Tests;

/// <summary>Two real charons negotiate, rekey and part.</summary>
public sealed class AssociationTests
{
    private static CancellationToken Cancellation => TwoHosts.Cancellation;

    [Fact]
    public async Task An_association_is_made_listed_rekeyed_and_ended_and_every_event_is_seen()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await using var b = await hosts.ConnectAsync("b");
        await using var listener = await hosts.ConnectAsync("a");
        await using var subscription = await listener.SubscribeAsync(
            [
                EventNames.IkeUpdown,
                EventNames.IkeRekey,
                EventNames.ChildUpdown,
                EventNames.ChildRekey,
            ],
            Cancellation
        );
        await using var events = subscription.GetAsyncEnumerator(Cancellation);
        await TwoHosts.LoadAsync(a, "a");
        await TwoHosts.LoadAsync(b, "b");

        var lines = new List<ControlLog>();
        await a.InitiateAsync(
            "net",
            "peer",
            TwoHosts.Patience,
            lines.Add,
            cancellationToken: Cancellation
        );
        Assert.Contains(lines, line => line.Text.Contains("established with SPIs"));
        Assert.All(lines, line => Assert.InRange(line.Level, 0, 1));
        var ikeUp = await NextAsync(events, AssociationEventKind.IkeUp);
        var childUp = await NextAsync(events, AssociationEventKind.ChildUp);
        Assert.Equal("peer", ikeUp.Ike.Name);
        Assert.Equal("net", childUp.Child!.Name);

        await hosts.PingAsync();
        await TwoHosts.EventuallyAsync(
            async () =>
                (await a.SecurityAssociationsAsync(cancellationToken: Cancellation))
                    is [{ Children: [{ PacketsIn: >= 3, PacketsOut: >= 3 }] }],
            () => hosts.Log("a")
        );
        var ike = Assert.Single(await a.SecurityAssociationsAsync(cancellationToken: Cancellation));
        var peer = Assert.Single(
            await b.SecurityAssociationsAsync(cancellationToken: Cancellation)
        );
        CheckBothEnds(ike, peer);

        // What is selected is listed, and nothing else.
        Assert.Single(
            await a.SecurityAssociationsAsync(
                new() { IkeId = ike.UniqueId },
                skipBusy: true,
                Cancellation
            )
        );
        Assert.Empty(
            await a.SecurityAssociationsAsync(
                new() { Ike = "other" },
                cancellationToken: Cancellation
            )
        );

        Assert.Equal(
            1,
            await a.RekeyAsync(new() { Child = "net" }, cancellationToken: Cancellation)
        );
        var childRekeyed = await NextAsync(events, AssociationEventKind.ChildRekeyed);
        Assert.Equal(childUp.Child.UniqueId, childRekeyed.OldChild!.UniqueId);
        Assert.NotEqual(childUp.Child.SpiIn, childRekeyed.Child!.SpiIn);
        Assert.Equal(childUp.Child.SpiIn, childRekeyed.OldChild.SpiIn);

        Assert.Equal(
            1,
            await a.RekeyAsync(new() { Ike = "peer" }, cancellationToken: Cancellation)
        );
        var ikeRekeyed = await NextAsync(events, AssociationEventKind.IkeRekeyed);
        Assert.Equal(ike.InitiatorSpi, ikeRekeyed.OldIke!.InitiatorSpi);
        Assert.NotEqual(ike.InitiatorSpi, ikeRekeyed.Ike.InitiatorSpi);

        // What was replaced may still be on its way out.
        await TwoHosts.EventuallyAsync(
            async () =>
                (await a.SecurityAssociationsAsync(cancellationToken: Cancellation)).Count(one =>
                    one.IsEstablished
                ) == 1,
            () => hosts.Log("a")
        );
        ike = Assert.Single(
            await a.SecurityAssociationsAsync(cancellationToken: Cancellation),
            one => one.IsEstablished
        );
        var rekeyed = Assert.Single(ike.Children, child => child.IsInstalled);
        Assert.Equal("ECP_256", rekeyed.Proposal.KeyExchange);
        Assert.Equal(childRekeyed.Child.SpiIn, rekeyed.SpiIn);

        Assert.Equal(
            1,
            await a.TerminateAsync(new() { Ike = "peer" }, cancellationToken: Cancellation)
        );
        var down = await NextAsync(
            events,
            AssociationEventKind.IkeDown,
            AssociationEventKind.ChildDown
        );
        Assert.Equal("peer", down.Ike.Name);
        Assert.Empty(await a.SecurityAssociationsAsync(cancellationToken: Cancellation));
        var refused = await Assert.ThrowsAsync<ViciCommandException>(() =>
            a.TerminateAsync(new() { Ike = "peer" }, cancellationToken: Cancellation)
        );
        Assert.Contains("no matching SAs to terminate found", refused.Message);
    }

    [Fact]
    public async Task A_wrong_key_is_told_in_words()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await using var b = await hosts.ConnectAsync("b");
        await TwoHosts.LoadAsync(a, "a", "a secret");
        await TwoHosts.LoadAsync(b, "b", "another secret");
        var failed = await Assert.ThrowsAsync<ViciCommandException>(() =>
            a.InitiateAsync("net", "peer", TwoHosts.Patience, cancellationToken: Cancellation)
        );
        Assert.Equal("establishing CHILD_SA 'net' failed", failed.Error);
        Assert.Contains("received AUTHENTICATION_FAILED notify error", failed.Message);
        Assert.Contains(failed.Log, line => line.Group == "IKE" && line.Ike == "peer");
        Assert.DoesNotContain("secret", failed.ToString());

        // With the right key the next attempt succeeds at once.
        await TwoHosts.LoadAsync(b, "b", "a secret");
        await a.InitiateAsync("net", "peer", TwoHosts.Patience, cancellationToken: Cancellation);
    }

    [Fact]
    public async Task A_peer_that_does_not_answer_is_given_up_in_time()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await TwoHosts.LoadAsync(a, "a");
        await hosts.DoAsync("kill -9 $b");
        var failed = await Assert.ThrowsAsync<ViciCommandException>(() =>
            a.InitiateAsync(
                "net",
                "peer",
                TimeSpan.FromMilliseconds(300),
                cancellationToken: Cancellation
            )
        );
        Assert.Contains("not established after 300ms", failed.Error);
        var ike = Assert.Single(await a.SecurityAssociationsAsync(cancellationToken: Cancellation));
        Assert.Equal(IkeStates.Connecting, ike.State);
        Assert.False(ike.IsEstablished);
        Assert.Null(ike.Established);
        Assert.NotEmpty(ike.ActiveTasks);

        // Not waited for at all.
        await a.InitiateAsync("net", "peer", TimeSpan.Zero, cancellationToken: Cancellation);
    }

    [Fact]
    public async Task An_initiation_that_is_canceled_leaves_the_connection_whole()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await TwoHosts.LoadAsync(a, "a");
        await hosts.DoAsync("kill -9 $b");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var initiating = a.InitiateAsync(
            "net",
            "peer",
            TimeSpan.FromSeconds(2),
            line => patience.Cancel(),
            cancellationToken: patience.Token
        );
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => initiating);
        // It waits for the answer that nobody waits for any more, and gets its own.
        Assert.Equal("charon", (await a.VersionAsync(Cancellation)).Daemon);
    }

    [Fact]
    public async Task Policies_are_installed_listed_and_removed()
    {
        await using var hosts = await TwoHosts.UpAsync(isForAssociations: false);
        await using var a = await hosts.ConnectAsync("a");
        await TwoHosts.LoadAsync(a, "a");
        await a.LoadConnectionAsync(
            "shunts",
            new()
            {
                ["children"] = new ViciMessage
                {
                    ["pass"] = new ViciMessage
                    {
                        ["mode"] = "pass",
                        ["local_ts"] = ViciList.Of("10.77.0.0/24"),
                        ["remote_ts"] = ViciList.Of("10.78.0.0/24[tcp/22]"),
                    },
                    ["drop"] = new ViciMessage
                    {
                        ["mode"] = "drop",
                        ["local_ts"] = ViciList.Of("10.77.0.0/24"),
                        ["remote_ts"] = ViciList.Of("10.79.0.0/24"),
                    },
                },
            },
            Cancellation
        );
        await a.InstallAsync("net", "peer", Cancellation);
        await a.InstallAsync("pass", "shunts", Cancellation);
        await a.InstallAsync("drop", "shunts", Cancellation);
        var policies = await a.PoliciesAsync(Cancellation);
        Assert.Equal(["drop", "net", "pass"], policies.Select(policy => policy.Child).Order());
        var pass = Assert.Single(policies, policy => policy.Child == "pass");
        Assert.Equal(("shunts", "PASS"), (pass.Ike, pass.Mode));
        Assert.Equal(["10.77.0.0/24"], pass.LocalSelectors);
        Assert.Equal(["10.78.0.0/24[tcp/ssh]"], pass.RemoteSelectors);
        Assert.Equal("DROP", Assert.Single(policies, policy => policy.Child == "drop").Mode);
        foreach (var policy in policies)
        {
            await a.UninstallAsync(policy.Child, policy.Ike, Cancellation);
        }

        Assert.Empty(await a.PoliciesAsync(Cancellation));
        await Assert.ThrowsAsync<ViciCommandException>(() =>
            a.UninstallAsync("net", "peer", Cancellation)
        );
    }

    [Fact]
    public async Task A_callback_that_throws_gives_its_error_to_the_caller_and_to_nobody_else()
    {
        await using var hosts = await TwoHosts.UpAsync();
        await using var a = await hosts.ConnectAsync("a");
        await using var b = await hosts.ConnectAsync("b");
        await TwoHosts.LoadAsync(a, "a");
        await TwoHosts.LoadAsync(b, "b");
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            a.InitiateAsync(
                "net",
                "peer",
                TwoHosts.Patience,
                line => throw new InvalidOperationException(line.Text),
                cancellationToken: Cancellation
            )
        );
        Assert.True(
            Assert
                .Single(await a.SecurityAssociationsAsync(cancellationToken: Cancellation))
                .IsEstablished
        );
    }

    private static void CheckBothEnds(IkeSa ike, IkeSa peer)
    {
        Assert.Equal("peer", ike.Name);
        Assert.Equal(2, ike.Version);
        Assert.Equal(IkeStates.Established, ike.State);
        Assert.True(ike.IsInitiator);
        Assert.False(peer.IsInitiator);
        Assert.Equal(("10.88.0.1", "a"), (ike.Local.Host, ike.Local.Id));
        Assert.Equal(("10.88.0.2", "b"), (ike.Remote.Host, ike.Remote.Id));
        Assert.Equal((peer.Local.Host, peer.Local.Port), (ike.Remote.Host, ike.Remote.Port));
        Assert.NotEqual(0ul, ike.InitiatorSpi);
        Assert.Equal((ike.InitiatorSpi, ike.ResponderSpi), (peer.InitiatorSpi, peer.ResponderSpi));
        Assert.Equal("AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_256", ike.Proposal.ToString());
        Assert.InRange(ike.Established!.Value, TimeSpan.Zero, TwoHosts.Patience);
        Assert.InRange(ike.RekeyIn!.Value, TimeSpan.FromHours(3), TimeSpan.FromHours(4));
        Assert.Null(ike.ReauthenticateIn);

        var child = Assert.Single(ike.Children);
        var other = Assert.Single(peer.Children);
        Assert.Equal("net", child.Name);
        Assert.True(child.IsInstalled);
        Assert.Equal("ESP", child.Protocol);
        Assert.Equal(TwoHosts.KernelHasEsp ? "TRANSPORT" : "TUNNEL", child.Mode);
        // ESP in user space comes and goes by UDP only.
        Assert.Equal(!TwoHosts.KernelHasEsp, child.IsEncapsulated);
        Assert.Equal(!TwoHosts.KernelHasEsp, ike.IsNatted);
        Assert.Equal(TwoHosts.KernelHasEsp, child.HasExtendedSequenceNumbers);
        Assert.Equal((child.SpiIn, child.SpiOut), (other.SpiOut, other.SpiIn));
        Assert.NotNull(child.SpiIn);
        Assert.Equal("AES_GCM_16-256", child.Proposal.ToString());
        // In transport mode the header of the packet is not counted.
        Assert.InRange(child.BytesIn, 3 * 64, long.MaxValue);
        Assert.NotNull(child.LastIn);
        Assert.NotNull(child.LastOut);
        Assert.InRange(child.RekeyIn!.Value, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        Assert.True(child.ExpiresIn > child.RekeyIn);
        Assert.InRange(child.Installed!.Value, TimeSpan.Zero, TwoHosts.Patience);
        Assert.Equal(child.LocalSelectors, other.RemoteSelectors);
        Assert.Equal(child.RemoteSelectors, other.LocalSelectors);
    }

    private static async Task<AssociationEvent> NextAsync(
        IAsyncEnumerator<ViciEvent> events,
        params AssociationEventKind[] kinds
    )
    {
        while (await events.MoveNextAsync().AsTask().WaitAsync(TwoHosts.Patience, Cancellation))
        {
            if (
                events.Current.ToAssociationEvent() is { } happened
                && kinds.Contains(happened.Kind)
            )
            {
                return happened;
            }
        }

        throw new InvalidOperationException("the events ended");
    }
}
