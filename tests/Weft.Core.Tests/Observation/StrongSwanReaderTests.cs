using System.Net;
using Weft.Core.Observation;
using Weft.Vici;

namespace Weft.Core.Tests.Observation;

public sealed class StrongSwanReaderTests
{
    private const uint In = 0xc0000001;
    private const uint Out = 0xc0000002;

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    public void What_the_kernel_has_before_or_after_the_daemon_is_asked_is_not_lost(
        bool before,
        bool after,
        bool isInstalled
    )
    {
        var child = ChildOf(before, after);
        Assert.Equal(isInstalled, child.IsInstalled);
        Assert.Equal(!isInstalled, child.IsLost);
    }

    [Fact]
    public void One_direction_alone_protects_nothing()
    {
        var ike = Assert.Single(StrongSwanReader.AssociationsOf([Ike()], [State(In)], [State(In)]));
        Assert.True(Assert.Single(ike.Children).IsLost);
    }

    [Fact]
    public void Where_the_kernel_does_not_say_the_daemon_is_believed()
    {
        var ike = Assert.Single(StrongSwanReader.AssociationsOf([Ike()], null, null));
        Assert.True(Assert.Single(ike.Children).IsInstalled);
    }

    [Theory]
    [InlineData(true, "AES_GCM_16-256/ECP_384/ESN")]
    [InlineData(false, "AES_GCM_16-256/ECP_384")]
    public void Whether_packets_are_counted_by_64_bits_is_said_where_swanctl_says_it(
        bool isExtended,
        string cipher
    )
    {
        var ike = Ike();
        var child = Assert.Single(ike.Children) with
        {
            HasExtendedSequenceNumbers = isExtended,
            Proposal = ike.Proposal with { KeyExchange = "ECP_384" },
        };
        var read = Assert.Single(
            StrongSwanReader.AssociationsOf([ike with { Children = [child] }], null, null)
        );
        Assert.Equal(cipher, Assert.Single(read.Children).Cipher);
    }

    private static ChildAssociation ChildOf(bool before, bool after)
    {
        XfrmState[] states = [State(In), State(Out)];
        var ike = Assert.Single(
            StrongSwanReader.AssociationsOf(
                [Ike()],
                before ? [.. states] : [],
                after ? [.. states] : []
            )
        );
        return Assert.Single(ike.Children);
    }

    private static XfrmState State(uint spi) =>
        new(
            IPAddress.Parse("192.0.2.1"),
            IPAddress.Parse("192.0.2.2"),
            XfrmState.Esp,
            spi,
            RequestId: 1
        );

    private static IkeSa Ike()
    {
        var proposal = new Proposal("AES_GCM_16", 256, null, null, null, null);
        return new IkeSa
        {
            Name = "weft-homelab/host2",
            UniqueId = 1,
            Version = 2,
            State = IkeStates.Established,
            Local = new Endpoint("192.0.2.1", 500, "192.0.2.1", IsBehindNat: false),
            Remote = new Endpoint("192.0.2.2", 500, "192.0.2.2", IsBehindNat: false),
            Proposal = proposal,
            Message = ViciMessage.Empty,
            Children =
            [
                new ChildSa
                {
                    Name = "gre",
                    UniqueId = 1,
                    ReqId = 1,
                    State = ChildStates.Installed,
                    Mode = "TRANSPORT",
                    Proposal = proposal,
                    SpiIn = In,
                    SpiOut = Out,
                    Message = ViciMessage.Empty,
                },
            ],
        };
    }
}
