using Weft.Core.Execution;
using Weft.Core.Planning;

namespace Weft.Core.Tests.Execution;

/// <summary>What of the link commands fails, by a real <c>ip</c> and a link that is not there.</summary>
public sealed class LinkBatchTests
{
    private static readonly LinkCommand Refused = new(
        Stage.Last,
        null,
        "link delete dev weft-nothing"
    );

    [Fact]
    public async Task What_ip_refuses_is_an_error_of_the_host_for_whoever_runs_it_and_names_the_command()
    {
        var failed = await Assert.ThrowsAsync<LinkBatchException>(() =>
            LinkBatch.RunAsync([Refused], TestContext.Current.CancellationToken)
        );

        Assert.IsAssignableFrom<HostException>(failed);
        Assert.Equal(Refused, failed.Failed);
        Assert.Contains("link delete dev weft-nothing", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_container_that_has_ended_is_said_to_have()
    {
        var failed = await Assert.ThrowsAsync<LinkBatchException>(() =>
            LinkBatch.RunAsync(
                [Refused with { Namespace = "weft-nobody" }],
                TestContext.Current.CancellationToken
            )
        );

        Assert.Contains("its container has ended", failed.Message, StringComparison.Ordinal);
    }
}
