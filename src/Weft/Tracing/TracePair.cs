using System.Net;
using System.Net.Sockets;
using Weft.Commands;
using Weft.Core.Addressing;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>The two ends of a traced path, in the network that they share.</summary>
/// <param name="From">The sender.</param>
/// <param name="FromAddress">The sender's address.</param>
/// <param name="To">The receiver, which answers.</param>
/// <param name="ToAddress">The receiver's address.</param>
internal sealed record TracePair(
    Resident From,
    IPAddress FromAddress,
    Resident To,
    IPAddress ToAddress
)
{
    /// <summary>The network that both are in.</summary>
    public string Network => From.Network;

    /// <summary>The sender, as an endpoint of <c>weft ping</c>.</summary>
    public Endpoint Source => new(From.Host, From.Container, FromAddress);

    /// <summary>The receiver, as an endpoint of <c>weft ping</c>.</summary>
    public Endpoint Destination => new(To.Host, To.Container, ToAddress);

    /// <summary>Whether both are on one host; a host itself counts as on it.</summary>
    public bool IsOnOneHost => From.Host == To.Host;

    /// <summary>The path back.</summary>
    public TracePair Reversed => new(To, ToAddress, From, FromAddress);

    /// <summary>Finds two ends by the names that people give them.</summary>
    /// <param name="residents">Everybody in the overlay.</param>
    /// <param name="from">The name or an address of one.</param>
    /// <param name="to">The name or an address of the other.</param>
    /// <returns>The ends in the first network where they have addresses of one family; null where they share none.</returns>
    /// <exception cref="UsageException">There is nobody of that name, or the two are one.</exception>
    public static TracePair? Find(IReadOnlyCollection<Resident> residents, string from, string to)
    {
        var (sources, destinations) = (PlacesOf(from, residents), PlacesOf(to, residents));
        if (
            sources.Exists(source =>
                destinations.Exists(one =>
                    (one.Who.Host, one.Who.Container) == (source.Who.Host, source.Who.Container)
                )
            )
        )
        {
            throw new UsageException(
                $"'{from}' and '{to}' are the same: name two between which packets are to go"
            );
        }
        return (
            from source in sources
            from destination in destinations
            where
                source.Who.Network == destination.Who.Network
                && source.Address.AddressFamily == destination.Address.AddressFamily
            orderby source.Address.AddressFamily is AddressFamily.InterNetworkV6
            select new TracePair(source.Who, source.Address, destination.Who, destination.Address)
        ).FirstOrDefault();
    }

    /// <summary>The networks that somebody is in, in words.</summary>
    public static string NetworksOf(IReadOnlyCollection<Resident> residents, string name) =>
        string.Join(
            " and ",
            PlacesOf(name, residents).Select(place => $"'{place.Who.Network}'").Distinct()
        );

    private static List<(Resident Who, IPAddress Address)> PlacesOf(
        string name,
        IReadOnlyCollection<Resident> residents
    )
    {
        // A container may be named 101, which .NET also parses as 0.0.0.101.
        var address =
            residents.All(one => one.Name != name)
            && IPText.TryReadAddress(name, out var parsed, out _)
                ? parsed
                : null;
        var places = residents
            .Where(one => one.Name == name || address is not null)
            .SelectMany(one => one.Addresses.Select(at => (Who: one, Address: at)))
            .Where(place => address is null || place.Address.Equals(address))
            .ToList();
        // If a container and a host share a name, it means the container.
        var named =
            address is null && places.Exists(place => place.Who.Container is not null)
                ? places.FindAll(place => place.Who.Container is not null)
                : places;
        return named.Count > 0
            ? named
            : throw new UsageException(
                $"nobody in the overlay is called '{name}' or has that address in one of its networks: name a container, a host with an address of its own in a network, or an address (`weft addresses` lists them). Whom only another host knows by its labels is traced from there"
            );
    }
}
