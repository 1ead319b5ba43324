using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>The routes of one container over all its interfaces; finds those that cannot work.</summary>
/// <param name="who">The container, for messages.</param>
/// <param name="networks">The networks that it attaches to, where it needs no route.</param>
/// <param name="mistakes">The mistakes to add to.</param>
internal sealed class RouteBook(string who, ImmutableArray<AddressBook> networks, Mistakes mistakes)
{
    private readonly Dictionary<IPNetwork, Position> seen = [];

    /// <summary>Reads the routes of one interface.</summary>
    /// <param name="attachment">The interface's entry in the file.</param>
    /// <param name="book">Its network; null if there is none.</param>
    /// <param name="given">The addresses in the file, with null for each wrong one; null if the host assigns them.</param>
    public ImmutableArray<Route> Read(
        Fields attachment,
        AddressBook? book,
        ImmutableArray<Marked<IPAddress>?>? given
    )
    {
        var routes = ImmutableArray.CreateBuilder<Route>();
        foreach (var entry in attachment.Get(OverlaySchema.Attachment.Routes)?.Value ?? [])
        {
            if (
                !IPText.TryReadNetwork(entry.Name, out var destination, out _)
                || entry.Value is not { } via
            )
            {
                continue;
            }
            routes.Add(new Route(destination, via.Value));
            if (!seen.TryAdd(destination, entry.At))
            {
                mistakes.Add(
                    entry.At,
                    $"{who} has a second route to {destination} (first in line {seen[destination].Line}): keep one of them"
                );
            }
            else if (networks.FirstOrDefault(one => one.Subnets.Contains(destination)) is { } own)
            {
                mistakes.Add(
                    entry.At,
                    $"{who} has a route to {destination}, which is network {own.Network.Quoted} (line {own.Network.At.Line}), where it reaches everybody without one: take it out"
                );
            }
            else if (Wrong(destination, via.Value, book, given) is { } wrong)
            {
                mistakes.Add(
                    via.At,
                    $"{who} has a route to {destination} via {via.Value}, {wrong}"
                );
            }
        }
        return routes.ToImmutable();
    }

    private static string? Wrong(
        IPNetwork destination,
        IPAddress via,
        AddressBook? book,
        ImmutableArray<Marked<IPAddress>?>? given
    )
    {
        var version = IPText.VersionOf(via.AddressFamily);
        if (destination.BaseAddress.AddressFamily != via.AddressFamily)
        {
            return $"which is an {version} address, of the other kind: write the gateway's address of the same kind";
        }
        if (book?.Misplacement(via) is { } misplacement)
        {
            return $"{misplacement}: write the address that the gateway has there";
        }
        if (given is not { } addresses || addresses.Any(address => address is null))
        {
            return null;
        }
        return addresses.Any(address => address!.Value.Value.Equals(via))
                ? "which is its own address: write the gateway's"
            : addresses.Any(address => address!.Value.Value.AddressFamily == via.AddressFamily)
                ? null
            : $"and has no {version} address there to reach it from: give it one, or take the route out";
    }
}
