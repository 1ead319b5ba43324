using System.Net;
using System.Net.Sockets;
using Weft.Commands;
using Weft.Core.Addressing;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>The two whose way to each other is traced, in the network that they share.</summary>
/// <param name="From">Who sends.</param>
/// <param name="FromAddress">From which address.</param>
/// <param name="To">Who answers.</param>
/// <param name="ToAddress">At which address.</param>
internal sealed record TracePair(
    Resident From,
    IPAddress FromAddress,
    Resident To,
    IPAddress ToAddress
)
{
    /// <summary>The network that both are in.</summary>
    public string Network => From.Network;

    /// <summary>Who sends, as <c>weft ping</c> has it.</summary>
    public Endpoint Source => new(From.Host, From.Container, FromAddress);

    /// <summary>Who answers, as <c>weft ping</c> has it.</summary>
    public Endpoint Destination => new(To.Host, To.Container, ToAddress);

    /// <summary>Whether the two are on one host, or are one host's.</summary>
    public bool IsOnOneHost => From.Host == To.Host;

    /// <summary>The way back.</summary>
    public TracePair Reversed => new(To, ToAddress, From, FromAddress);

    /// <summary>Finds two by what a person calls them.</summary>
    /// <param name="residents">Everybody that there is.</param>
    /// <param name="from">The name or an address of one.</param>
    /// <param name="to">The name or an address of the other.</param>
    /// <returns>The first network and addresses of one family that they share; null where they share none.</returns>
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
        // A container may be called 101, which the system takes for 0.0.0.101.
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
        // A container may be called as a host is.
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
