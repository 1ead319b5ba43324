using Weft.Core.Observation;

namespace Weft.Core.Planning;

// What has to be known of a name before a link of that name is made: whose it is, what has to go first, and when it can be made.
internal sealed partial class LinkPlanner
{
    private Link? Existing(string name, string kind) =>
        observation.Links.TryGetValue(name, out var link)
        && ownership.Owns(link)
        && link.Kind == kind
            ? link
            : null;

    private bool ConflictsWithForeign(string name)
    {
        if (ownership.ConflictOver(name, observation.Links) is { } conflict)
        {
            Conflicts.Add(conflict);
            return true;
        }
        return ConflictsWithPort(name);
    }

    /// <summary>Refuses the name of a port that is not the overlay's: Open vSwitch takes any link that gets the name.</summary>
    private bool ConflictsWithPort(string name)
    {
        if (!observation.Switch.Ports.TryGetValue(name, out var port) || ownership.Owns(port))
        {
            return false;
        }
        Conflicts.Add(Conflict.WithPort(port));
        return true;
    }

    /// <summary>When links can be made: the name of one of our internal ports is free only once the switch has let go of it.</summary>
    private Stage StageToMake(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (observation.Links.TryGetValue(name, out var link) && ownership.IsOfSwitch(link))
            {
                return Stage.AfterSwitch;
            }
        }
        return Stage.BeforeSwitch;
    }

    /// <summary>
    /// When a link can go into a bridge: the kernel moves none that is a port of the switch, or that the switch takes by its
    /// name.
    /// </summary>
    private Stage StageToEnslave(string name, string bridge) =>
        observation.Switch.Ports.ContainsKey(name) ? Stage.AfterSwitch : StageToMake(bridge);

    private static Stage Later(Stage one, Stage other) => one > other ? one : other;

    /// <summary>Removes a link of ours that has the name but is not what it should be.</summary>
    private IEnumerable<LinkCommand> Replace(string name)
    {
        if (
            observation.Links.TryGetValue(name, out var link)
            && ownership.Owns(link)
            && !ownership.IsOfSwitch(link)
            && !HasForeignPorts(link)
            && replaced.Add(name)
        )
        {
            if (link.Peer is { } peer)
            {
                replaced.Add(peer);
            }
            yield return LinkCommand.RemoveLink(Stage.BeforeSwitch, null, name);
        }
    }

    private IEnumerable<LinkCommand> ReplaceInside(Link? inner, string container)
    {
        if (inner is null)
        {
            yield break;
        }
        var hostEnd = observation.Links.Values.FirstOrDefault(link =>
            link.Index == inner.PeerIndex
        );
        // Removing the inner end removes the pair, unless a line before removes its host end.
        if (hostEnd is null || replaced.Add(hostEnd.Name))
        {
            yield return LinkCommand.RemoveLink(Stage.BeforeSwitch, container, inner.Name);
        }
    }
}
