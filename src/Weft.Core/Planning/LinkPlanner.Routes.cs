using System.Collections.Immutable;
using System.Net;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

// What containers reach by way of their neighbours.
internal sealed partial class LinkPlanner
{
    private readonly ILookup<ContainerKey, IPNetwork> routed = intent
        .Attachments.Where(attachment => !attachment.Routes.IsEmpty)
        .SelectMany(attachment =>
            attachment.Routes.Select(route => (attachment.Key, route.Destination))
        )
        .ToLookup(pair => pair.Key, pair => pair.Destination);

    /// <summary>What a container's interface carries once it is there: addresses, and routes by them.</summary>
    private Steps Carried(
        AttachmentIntent attachment,
        IReadOnlyDictionary<string, Link> inside,
        string space
    )
    {
        var name = attachment.Interface;
        var inner = inside[name];
        Steps basis =
        [
            inner.IsIpv6Off is true && Ipv6In(attachment, space) is { IsEmpty: false } on
                ? new Step("IPv6 on", on)
                : null,
            .. Addresses(
                name,
                attachment.Addresses,
                inner.Addresses,
                inner.Floating,
                space,
                attachment.Mtu
            ),
            Up(name, inner, space),
        ];
        // The kernel drops a link's routes when it goes down or loses its last address: once that is set again, so are all
        // routes.
        var missing = basis.AreNeeded
            ? attachment.Routes
            : attachment.Routes.RemoveAll(route => IsThere(route, inner));
        return
        [
            // For the same reason stale routes are removed first, while they are sure to exist.
            .. StaleRoutes(attachment, inner, space),
            .. basis,
            .. SetRoutes(attachment, missing, inside.Values, space),
        ];
    }

    /// <summary>
    /// Switches IPv6 on: Docker, for one, switches it off for whatever comes into a container that it gives no IPv6 itself.
    /// </summary>
    private ImmutableArray<LinkCommand> Ipv6In(AttachmentIntent attachment, string space) =>
        observation.HasIpv6 && HasIpv6(attachment.Addresses)
            ?
            [
                LinkCommand.SetIpv6(
                    Stage.AfterSwitch,
                    space,
                    attachment.Interface,
                    "disable_ipv6",
                    0
                ),
            ]
            : [];

    private Steps SetRoutes(
        AttachmentIntent attachment,
        ImmutableArray<Route> routes,
        IEnumerable<Link> inside,
        string space
    )
    {
        Steps steps = [];
        foreach (var route in routes)
        {
            if (!ConflictsWithForeign(attachment, route, inside))
            {
                steps.Add(
                    new Step(
                        $"route {route}",
                        After(RouteCommand("replace", $"{route}", attachment.Interface), space)
                    )
                );
            }
        }
        return steps;
    }

    private Steps StaleRoutes(AttachmentIntent attachment, Link inner, string space)
    {
        Steps steps = [];
        foreach (var route in inner.Routes)
        {
            // If the container is to have another route to that destination, setting it replaces this one.
            if (IsOurs(route) && !routed[attachment.Key].Contains(route.Destination))
            {
                steps.Add(
                    new Step(
                        $"no route {route}",
                        After(RouteCommand("del", $"{route}", attachment.Interface), space)
                    )
                );
            }
        }
        return steps;
    }

    /// <summary>
    /// Refuses to replace others' routes: a new route replaces the one to its destination, whatever its link and whoever made
    /// it.
    /// </summary>
    private bool ConflictsWithForeign(
        AttachmentIntent attachment,
        Route route,
        IEnumerable<Link> inside
    )
    {
        var (by, foreign) = inside
            .OrderBy(link => link.Index)
            .SelectMany(link => link.Routes.Select(there => (link.Name, there)))
            .FirstOrDefault(pair =>
                pair.there.Destination == route.Destination
                && !IsOurs(pair.there)
                && !(pair.Name == attachment.Interface && IsSame(route, pair.there))
            );
        if (foreign is null)
        {
            return false;
        }
        Conflicts.Add(
            new(
                attachment.InterfaceName,
                $"container '{attachment.Container}' has a route {foreign} by '{by}' already, which Weft did not make: "
                    + $"remove it, or take the route {route} out of the file"
            )
            {
                StandsAlone = true,
            }
        );
        return true;
    }

    private static bool IsThere(Route route, Link inner) =>
        inner.Routes.Any(there => IsSame(route, there));

    private static bool IsSame(Route route, LinkRoute there) =>
        there.Destination == route.Destination && route.Via.Equals(there.Via);

    private static bool IsOurs(LinkRoute route) => route.Protocol == OwnershipMark.RouteProtocol;

    private static string RouteCommand(string verb, string route, string name) =>
        $"route {verb} {route} dev {name} proto {OwnershipMark.RouteProtocol}";
}
