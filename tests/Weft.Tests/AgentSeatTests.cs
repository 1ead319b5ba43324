using Weft.Agent;
using Weft.Core;
using Weft.Core.Linux;

namespace Weft.Tests;

/// <summary>That an overlay has one agent on a host at most, and who that is.</summary>
public sealed class AgentSeatTests : IDisposable
{
    private static readonly AgentSeat Homelab = new(
        "homelab",
        "/run/elsewhere.sock",
        "/etc/weft/overlay.yaml"
    );

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("weft-test-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Seats => Path.Combine(directory.FullName, "agents");

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public async Task Who_has_it_is_known_wherever_it_answers_until_it_has_ended()
    {
        Assert.Empty(AgentSeat.Taken(Seats));
        Assert.False(AgentSeat.IsTaken("homelab", Seats));
        using (await Homelab.TakeAsync(Token, Seats))
        {
            Assert.Equal(Homelab, Assert.Single(AgentSeat.Taken(Seats)));
            Assert.True(AgentSeat.IsTaken("homelab", Seats));
            Assert.False(AgentSeat.IsTaken("other", Seats));
        }
        Assert.Empty(AgentSeat.Taken(Seats));
        Assert.False(AgentSeat.IsTaken("homelab", Seats));
    }

    [Fact]
    public async Task Which_weft_it_is_is_known_of_one_that_says_so()
    {
        var told = Homelab with { Version = "1.2.3" };
        using (await told.TakeAsync(Token, Seats))
        {
            Assert.Equal(told, Assert.Single(AgentSeat.Taken(Seats)));
        }
        Assert.Null(AgentSeat.WhyOther(Weft.Self.Version));
        Assert.StartsWith("this host's agent is weft 1.2.3, ", AgentSeat.WhyOther("1.2.3"));
        // One of before, whose place has nothing of it.
        Assert.StartsWith("this host's agent is an earlier weft, ", AgentSeat.WhyOther(null));
    }

    [Fact]
    public async Task A_second_one_is_refused_and_told_where_the_first_answers_and_another_overlays_is_not()
    {
        using var first = await Homelab.TakeAsync(Token, Seats);
        var second = Homelab with { Socket = "/run/second.sock" };
        var refused = await Assert.ThrowsAsync<HostException>(() => second.TakeAsync(Token, Seats));
        Assert.Contains(Homelab.Socket, refused.Message, StringComparison.Ordinal);

        using var other = await (second with { Overlay = "other" }).TakeAsync(Token, Seats);
        Assert.Equal(
            ["homelab", "other"],
            AgentSeat.Taken(Seats).Select(seat => seat.Overlay).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task What_an_agent_has_started_does_not_keep_the_place_of_one_that_was_killed()
    {
        var first = await Homelab.TakeAsync(Token, Seats);
        using var program = Tool.Start(["sleep", "infinity"]);
        try
        {
            // As the kernel does: to dispose of it gives the lock back, whoever has inherited it.
            _ = Libc.Close(first.DangerousGetHandle());
            first.SetHandleAsInvalid();
            Assert.False(AgentSeat.IsTaken("homelab", Seats));
            using var next = await Homelab.TakeAsync(Token, Seats);
        }
        finally
        {
            program.Kill();
        }
    }

    [Fact]
    public async Task Who_looks_keeps_nobody_from_starting()
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var looking = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested)
                {
                    AgentSeat.IsTaken("homelab", Seats);
                }
            },
            Token
        );
        for (var time = 0; time < 20; time++)
        {
            using var seat = await Homelab.TakeAsync(Token, Seats);
        }
        await done.CancelAsync();
        await looking;
    }
}
