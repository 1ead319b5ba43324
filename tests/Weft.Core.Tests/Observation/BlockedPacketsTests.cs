using Weft.Core.Observation;

namespace Weft.Core.Tests.Observation;

public sealed class BlockedPacketsTests
{
    [Fact]
    public void Only_what_was_not_encrypted_counts() =>
        Assert.Equal(
            new BlockedPackets(Out: 11 + 200, In: 3 + 40),
            BlockedPackets.Parse([
                "XfrmInError             \t7",
                "XfrmInNoStates          \t7",
                "XfrmInTmplMismatch      \t40",
                "XfrmInNoPols            \t7",
                "XfrmInPolBlock          \t3",
                "XfrmInPolError          \t7",
                "XfrmOutNoStates         \t200",
                "XfrmOutStateExpired     \t7",
                "XfrmOutPolBlock         \t11",
                "XfrmAcquireError        \t7",
            ])
        );

    [Fact]
    public void A_kernel_that_counts_less_has_counted_none() =>
        Assert.Equal(new BlockedPackets(0, 0), BlockedPackets.Parse(["", "XfrmInError 5"]));
}
