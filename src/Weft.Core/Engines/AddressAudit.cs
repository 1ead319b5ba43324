using System.Collections.Immutable;
using System.Net;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>What is wrong with an address.</summary>
/// <param name="Kind">One word: <c>leaked</c>, <c>duplicate</c> or <c>unknown</c>.</param>
/// <param name="Network">The name of the network.</param>
/// <param name="Address">The address.</param>
/// <param name="Message">What it is and what to do.</param>
public sealed record AddressFault(string Kind, string Network, IPAddress Address, string Message);

/// <summary>Compares who should have which address with who has it.</summary>
public static class AddressAudit
{
    /// <summary>Everything that is wrong with the addresses of one host.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">One of its hosts.</param>
    /// <param name="records">What was given out.</param>
    /// <param name="sightings">The containers that the engines have.</param>
    /// <param name="answered">The engines that answered.</param>
    /// <param name="inside">The addresses that are set inside running containers.</param>
    public static ImmutableArray<AddressFault> Find(
        Overlay overlay,
        string host,
        ImmutableArray<AddressRecord> records,
        IReadOnlyCollection<ContainerSighting> sightings,
        IReadOnlySet<Engine> answered,
        IReadOnlyDictionary<ContainerKey, ImmutableArray<IPAddress>> inside
    )
    {
        var faults = ImmutableArray.CreateBuilder<AddressFault>();
        var recorded = records.Select(record => (record.Container, record.Id)).ToHashSet();
        // A container that is recorded under its own name and id accounts for that record, not for another of the same id.
        var ids = sightings
            .Where(sighting => !recorded.Contains((sighting.Key, sighting.Id)))
            .Select(sighting => (sighting.Key.Engine, sighting.Id))
            .ToHashSet();
        var seen = sightings.ToDictionary(sighting => sighting.Key);
        foreach (
            var record in records.Where(record =>
                record.GoneSince is null
                && answered.Contains(record.Container.Engine)
                && !ids.Contains((record.Container.Engine, record.Id))
                && !seen.ContainsKey(record.Container)
            )
        )
        {
            faults.AddRange(
                record.Addresses.Select(address => new AddressFault(
                    "leaked",
                    record.Network,
                    address,
                    $"{address} of network {record.Network} is recorded for {record.Container}, which is not there: `weft apply` notes that it is gone, `weft addresses release {record.Container.Name}` frees it at once"
                ))
            );
        }
        var holders = new Dictionary<IPAddress, (string Who, ContainerKey? Container)>();
        foreach (var (address, network, who, container) in Owners(overlay, host, records))
        {
            if (!holders.TryAdd(address, (who, container)))
            {
                faults.Add(
                    new AddressFault(
                        "duplicate",
                        network,
                        address,
                        $"{address} of network {network} is {who}'s and {holders[address].Who}'s: `weft apply` gives the container that has it by a record another"
                    )
                );
            }
        }
        var floating = overlay.Networks.SelectMany(network => network.Floating).ToHashSet();
        var users = new Dictionary<IPAddress, ContainerKey>();
        foreach (var (container, addresses) in OncePerNetwork())
        {
            foreach (var address in addresses.Where(address => !floating.Contains(address)))
            {
                if (NetworkOf(overlay, address) is not { } network)
                {
                    continue;
                }
                var isKnown = holders.TryGetValue(address, out var holder);
                if (users.TryGetValue(address, out var first) && first != container)
                {
                    faults.Add(
                        new AddressFault(
                            "duplicate",
                            network,
                            address,
                            $"{address} of network {network} is set inside {container} and inside {first}: take it away where it does not belong"
                        )
                    );
                }
                else if (
                    isKnown
                    && holder.Container != container
                    && !MayShare(container, holder.Container)
                )
                {
                    faults.Add(
                        new AddressFault(
                            "duplicate",
                            network,
                            address,
                            $"{address} of network {network} is set inside {container}, and it is {holder.Who}'s: take it away there"
                        )
                    );
                }
                else if (!isKnown)
                {
                    faults.Add(
                        new AddressFault(
                            "unknown",
                            network,
                            address,
                            $"{address} of network {network} is set inside {container}, and neither the overlay file nor a record knows of it: declare it in the file, or take it away there"
                        )
                    );
                }
                users.TryAdd(address, container);
            }
        }
        return faults.ToImmutable();

        // Whether the holder may be in the same network: its engine says nothing of it just now.
        bool MayShare(ContainerKey container, ContainerKey? holder) =>
            seen.TryGetValue(container, out var one)
            && holder is { } other
            && seen.TryGetValue(other, out var silent)
            && silent is { Silence: not null, Namespace: null }
            && (silent.IsNetworkUnknown || silent.Group == one.Group);

        // Containers that share a network, as those of a pod do, all have what is inside: it belongs to the one that has the
        // place.
        IEnumerable<KeyValuePair<ContainerKey, ImmutableArray<IPAddress>>> OncePerNetwork()
        {
            var networks = sightings
                .Where(sighting => sighting.NamespaceId is not null)
                .ToDictionary(sighting => sighting.Key, sighting => sighting.NamespaceId);
            var placed = holders.Values.Select(holder => holder.Container).ToHashSet();
            return inside
                .OrderByDescending(one => placed.Contains(one.Key))
                .ThenBy(one => $"{one.Key}", StringComparer.Ordinal)
                .DistinctBy(one => networks.GetValueOrDefault(one.Key) ?? $"{one.Key}");
        }
    }

    private static IEnumerable<(
        IPAddress Address,
        string Network,
        string Who,
        ContainerKey? Container
    )> Owners(Overlay overlay, string host, ImmutableArray<AddressRecord> records) =>
        [
            .. from network in overlay.Networks
            from one in network.Hosts
            from address in one.Addresses
            select (address, network.Name, $"host {one.Host}", (ContainerKey?)null),
            .. from container in overlay.Containers
            let key = container.Key
            from place in container.Attachments
            from address in place.Addresses
            select (
                address,
                place.Network,
                container.Host == host ? $"{key}" : $"{key} of host {container.Host}",
                container.Host == host ? key : (ContainerKey?)null
            ),
            .. from record in records
            from address in record.Addresses
            select (
                address,
                record.Network,
                $"{record.Container}",
                (ContainerKey?)record.Container
            ),
        ];

    private static string? NetworkOf(Overlay overlay, IPAddress address) =>
        overlay
            .Networks.FirstOrDefault(network =>
                network.Subnets.Any(subnet => subnet.Contains(address))
            )
            ?.Name;
}
