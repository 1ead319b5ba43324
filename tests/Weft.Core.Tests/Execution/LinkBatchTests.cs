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
    public async Task A_link_that_is_to_go_and_is_gone_is_no_failure_and_the_rest_is_carried_out()
    {
        var gone = LinkCommand.RemoveLink(Stage.BeforeSwitch, null, "weft-gone");
        await LinkBatch.RunAsync([gone, gone], TestContext.Current.CancellationToken);
        var failed = await Assert.ThrowsAsync<LinkBatchException>(() =>
            LinkBatch.RunAsync([gone, Refused, gone], TestContext.Current.CancellationToken)
        );
        Assert.Equal(Refused, failed.Failed);
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
