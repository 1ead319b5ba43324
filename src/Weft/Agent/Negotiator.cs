using System.Collections.Immutable;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>Negotiates with peers that no packets cross to yet, beside all else: a peer may take its time to answer.</summary>
/// <param name="host">The doors to the host.</param>
/// <param name="state">How the host stands.</param>
/// <param name="log">Where failures are reported.</param>
/// <param name="wake">Wakes the agent, and is told why.</param>
/// <param name="clock">A clock that nobody sets.</param>
internal sealed class Negotiator(
    LocalHost host,
    AgentState state,
    AgentLog log,
    Action<string> wake,
    TimeProvider clock
)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    private Task negotiation = Task.CompletedTask;
    private DateTimeOffset next;
    private ImmutableArray<string> problems = [];

    /// <summary>
    /// When to try again; null if nothing is to be negotiated, or if a negotiation under way has to end first, which wakes the
    /// agent.
    /// </summary>
    public DateTimeOffset? Due { get; private set; }

    /// <summary>Begins, after a round, what is to be negotiated now.</summary>
    public void Follow(Round round, CancellationToken cancellationToken)
    {
        // A result for other connections, or from a daemon that is gone, says nothing about these.
        if (round.Done.OfType<IpsecChange>().Any())
        {
            next = default;
        }
        Due = null;
        var isMissing =
            round is { Intent.Ipsec: not null, Observation.StrongSwan.Problem: null }
            && state.Status!.Items.Any(item =>
                item.Kind == "encryption" && item.State is not ItemState.Ok
            );
        if (!isMissing)
        {
            problems = [];
            if (round.Observation is { FailedNegotiations: { IsEmpty: false } former })
            {
                // Keys were agreed on since, by the other host's doing, or the daemon that was asked is gone.
                new NegotiationStore(state.On!.Overlay.Name).Remove(
                    former.Select(failed => failed.Peer)
                );
            }
            return;
        }
        if (!negotiation.IsCompleted)
        {
            return;
        }
        if (clock.GetUtcNow() >= next)
        {
            next = clock.GetUtcNow() + Pause;
            negotiation = NegotiateAsync(round.Intent!, cancellationToken);
        }
        Due = next;
    }

    /// <summary>What prevents a negotiation: peers, or this host itself, which may lack a program that it takes.</summary>
    internal static async Task<ImmutableArray<string>> NotNegotiatedAsync(
        Task<ImmutableArray<FailedPeer>> negotiating
    )
    {
        try
        {
            return [.. (await negotiating).Select(peer => peer.ToString())];
        }
        catch (Exception exception) when (HostFault.Is(exception))
        {
            return [$"keys cannot be negotiated, and it is tried again: {exception.Message}"];
        }
    }

    private async Task NegotiateAsync(HostIntent intent, CancellationToken cancellationToken)
    {
        try
        {
            var before = problems;
            problems = await NotNegotiatedAsync(
                Applier.EstablishAsync(host, intent, Patience, cancellationToken)
            );
            foreach (var problem in problems.Except(before))
            {
                log.Say(Severity.Warning, "problem", problem);
            }
        }
        catch (OperationCanceledException)
        {
            // The agent ends.
        }
        finally
        {
            // The next round sees what there is, and asks again.
            wake("keys were negotiated");
        }
    }
}
