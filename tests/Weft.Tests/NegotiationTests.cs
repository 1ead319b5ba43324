using System.Collections.Immutable;
using System.ComponentModel;
using Weft.Agent;
using Weft.Core.Execution;

namespace Weft.Tests;

/// <summary>What the agent says of keys that it could not have negotiated.</summary>
public sealed class NegotiationTests
{
    [Fact]
    public async Task A_host_that_lacks_a_program_is_told_of_as_a_peer_that_does_not_answer_is()
    {
        var peer = new FailedPeer("host2", "it does not answer", HasFormer: false);
        Assert.Equal(
            [peer.ToString()],
            await Negotiator.NotNegotiatedAsync(Task.FromResult(ImmutableArray.Create(peer)))
        );

        var problem = Assert.Single(
            await Negotiator.NotNegotiatedAsync(
                Task.FromException<ImmutableArray<FailedPeer>>(
                    new Win32Exception("no program 'ovs-appctl'")
                )
            )
        );
        Assert.Contains("'ovs-appctl'", problem, StringComparison.Ordinal);
    }
}
