using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// Gives the containers of one host the addresses that the file does not give them. An address belongs to a container by its
/// id, so that it survives renaming, or else by its name, so that it survives being made again. None has two owners: what the
/// file declares, a record holds or another host gives out is never given.
/// </summary>
internal sealed class AddressGiver
{
    // Bounds the records where addresses never run out, and so none is reused, as in an IPv6 subnet.
    private const int MostGone = 1000;

    private readonly Overlay overlay;
    private readonly string host;
    private readonly IReadOnlySet<Engine> answered;
    private readonly DateTimeOffset now;
    private readonly ImmutableArray<string>.Builder notices;
    private readonly Slices slices;
    private readonly Dictionary<string, ImmutableArray<Slice>> slicesOf = [];
    private readonly List<Holding> holdings = [];
    private readonly HashSet<IPAddress> taken;

    public AddressGiver(
        Overlay overlay,
        string host,
        IReadOnlySet<Engine> answered,
        ImmutableArray<AddressRecord> records,
        DateTimeOffset now,
        ImmutableArray<string>.Builder notices
    )
    {
        this.overlay = overlay;
        this.host = host;
        this.answered = answered;
        this.now = now;
        this.notices = notices;
        slices = new Slices(overlay);
        foreach (var network in overlay.Networks)
        {
            slicesOf[network.Name] = slices.Of(network, host);
        }
        taken = [.. slices.Declared];
        foreach (var record in records)
        {
            var kept = record.Addresses.Where(address =>
                IsRight(record, address) && taken.Add(address)
            );
            holdings.Add(new Holding(record with { Addresses = [.. kept] }));
        }
    }

    /// <summary>Who has which address, once all have been given.</summary>
    public ImmutableArray<AddressRecord> Records
    {
        get
        {
            var forgotten = holdings
                .Where(holding => HasRested(holding, Roster.Rest))
                .OrderByDescending(holding => holding.Record.GoneSince)
                .Skip(MostGone)
                .ToHashSet();
            return
            [
                .. holdings
                    .Where(holding =>
                        !holding.Record.Addresses.IsEmpty && !forgotten.Contains(holding)
                    )
                    .Select(holding => holding.Record),
            ];
        }
    }

    /// <summary>Fills in the addresses that are missing.</summary>
    /// <param name="containers">The containers of this host.</param>
    /// <param name="sightings">What the engines have, or had when they last answered.</param>
    public ImmutableArray<Container> Give(
        ImmutableArray<Container> containers,
        IReadOnlyCollection<ContainerSighting> sightings
    )
    {
        var byKey = sightings.ToDictionary(sighting => sighting.Key);
        Need[] needs =
        [
            .. from container in containers
            let key = container.Key
            from place in container.Attachments
            where place.Addresses.IsEmpty
            select new Need(key, place.Network, byKey.GetValueOrDefault(key)),
        ];
        Match(needs, sightings);
        MarkGone();
        foreach (var need in needs.Where(need => need.Sighting is not null))
        {
            Supply(need);
        }
        var held = needs.ToDictionary(
            need => (need.Container, need.Network),
            need => need.Holding is { IsDropped: false } holding ? holding.Record : null
        );
        return
        [
            .. containers
                .Select(container => container with { Attachments = Fill(container) })
                .Where(container => !container.Attachments.IsEmpty),
        ];

        ImmutableArray<Attachment> Fill(Container container)
        {
            var key = container.Key;
            var mayWait =
                !byKey.TryGetValue(key, out var sighting)
                || !answered.Contains(key.Engine)
                || IsNotBegun(sighting);
            return
            [
                .. container
                    .Attachments.Select(place =>
                        place.Addresses.IsEmpty && held[(key, place.Network)] is { } record
                            ? place with
                            {
                                Addresses = record.Addresses,
                                Mac = MacOf(key, place, record),
                            }
                            : place
                    )
                    .Where(place => mayWait || !place.Addresses.IsEmpty),
            ];
        }
    }

    /// <summary>The MAC address of a place; where the file does not name the container, that which the record says.</summary>
    private MacAddress MacOf(ContainerKey container, Attachment place, AddressRecord record) =>
        Declared(container) is null
            ? Selector.MacOf(
                overlay,
                host,
                container with
                {
                    Name = record.MacOrigin,
                },
                place.Network
            )
            : place.Mac;

    /// <summary>Whether a record may keep an address: the file gives it to nobody, and its network still has it.</summary>
    private bool IsRight(AddressRecord record, IPAddress address)
    {
        if (slices.Declared.Contains(address))
        {
            if (record.GoneSince is null && !IsDeclaredFor(record.Container, address))
            {
                notices.Add(
                    $"{record.Container} had {address} of network {record.Network}, which the overlay file gives to somebody else now: it gets another if it needs one"
                );
            }
            return false;
        }
        return !slicesOf.TryGetValue(record.Network, out var own)
            || own.Any(slice => slice.Subnet.Contains(address));
    }

    private bool IsDeclaredFor(ContainerKey container, IPAddress address) =>
        Declared(container) is { } one
        && one.Attachments.Any(place => place.Addresses.Contains(address));

    private Container? Declared(ContainerKey container) =>
        overlay.Containers.FirstOrDefault(one => one.Host == host && one.Key == container);

    /// <summary>Finds the record of each need: first by the container's id, then by its name among those that are left.</summary>
    private void Match(Need[] needs, IReadOnlyCollection<ContainerSighting> sightings)
    {
        var byId = holdings.ToLookup(holding =>
            (holding.Record.Container.Engine, holding.Record.Id, holding.Record.Network)
        );
        // A container that LXD restores from an export under another name has the id of the original.
        Take(need => HeldById(need).Where(holding => holding.Record.Container == need.Container));
        Take(HeldById);
        // A renamed container keeps its addresses, even if a new container has its old name.
        var recorded = holdings
            .Select(holding =>
                (holding.Record.Container, holding.Record.Id, holding.Record.Network)
            )
            .ToHashSet();
        var seen = sightings.ToLookup(sighting => (sighting.Key.Engine, sighting.Id));
        var byName = holdings
            .Where(holding =>
                seen[(holding.Record.Container.Engine, holding.Record.Id)]
                    .All(one => recorded.Contains((one.Key, one.Id, holding.Record.Network)))
            )
            .OrderByDescending(holding => holding.Record.GoneSince ?? DateTimeOffset.MaxValue)
            .ToLookup(holding =>
                (holding.Record.Container.BeforeReplaced(holding.Record.Id), holding.Record.Network)
            );
        Take(need => byName[(need.Container, need.Network)]);

        IEnumerable<Holding> HeldById(Need need) =>
            need.Sighting is { } sighting
                ? byId[(sighting.Key.Engine, sighting.Id, need.Network)]
                : [];

        void Take(Func<Need, IEnumerable<Holding>> find)
        {
            foreach (var need in needs.Where(need => need.Holding is null))
            {
                if (find(need).FirstOrDefault(holding => holding.Need is null) is { } free)
                {
                    need.Take(free);
                }
            }
        }
    }

    /// <summary>Notes in each record whether a container needs it, as far as engines answered.</summary>
    private void MarkGone()
    {
        foreach (
            var holding in holdings.Where(holding =>
                answered.Contains(holding.Record.Container.Engine)
            )
        )
        {
            holding.Record = holding.Need?.Sighting is { } sighting
                ? holding.Record with
                {
                    Container = sighting.Key,
                    Id = sighting.Id,
                    Labels = LabelsOf(sighting),
                    MacFrom =
                        holding.Record.MacOrigin == sighting.Key.Name
                            ? null
                            : holding.Record.MacOrigin,
                    GoneSince = null,
                }
                : holding.Record with
                {
                    // A time in the future comes from a clock that was ahead, and is not waited for.
                    GoneSince = holding.Record.GoneSince is { } since && since <= now ? since : now,
                };
        }
    }

    /// <summary>Gives a container that is there the addresses that it lacks, one of each subnet.</summary>
    private void Supply(Need need)
    {
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        var had = need.Holding?.Record.Addresses ?? [];
        foreach (var slice in slicesOf[need.Network])
        {
            if (had.FirstOrDefault(slice.Subnet.Contains) is { } own)
            {
                addresses.Add(own);
                CheckSlice(need, slice, own);
            }
            else if (MayBeGiven(need) && Take(slice, need) is { } given)
            {
                addresses.Add(given);
            }
        }
        if (addresses.Count == 0)
        {
            return;
        }
        if (need.Holding is not { } holding)
        {
            holding = new Holding(
                new AddressRecord
                {
                    Container = need.Container,
                    Id = need.Sighting!.Id,
                    Network = need.Network,
                    Addresses = [],
                    Since = now,
                    Labels = LabelsOf(need.Sighting),
                    // A container that had this name before it was renamed keeps the MAC address derived from it, so this one
                    // gets another.
                    MacFrom = holdings.Any(other =>
                        other.Record.Network == need.Network
                        && other.Record.Container.Engine == need.Container.Engine
                        && other.Record.MacOrigin == need.Container.Name
                    )
                        ? need.Sighting.Id
                        : null,
                }
            );
            holdings.Add(holding);
            need.Take(holding);
        }
        holding.Record = holding.Record with
        {
            Addresses = addresses.ToImmutable(),
            Since = had.IsEmpty ? now : holding.Record.Since,
        };
    }

    /// <summary>Whether the container may have more than it has already.</summary>
    private bool MayBeGiven(Need need) =>
        answered.Contains(need.Container.Engine)
        && (need.Holding is not null || !IsNotBegun(need.Sighting!));

    /// <summary>
    /// Whether a container of Docker or Podman does not run, and so has no network yet. Docker Compose makes a replacement
    /// under a temporary name: only once it runs is its lasting name known, and so whose addresses it gets.
    /// </summary>
    private static bool IsNotBegun(ContainerSighting sighting) =>
        sighting is { Key.Engine: Engine.Docker or Engine.Podman, Namespace: null };

    private IPAddress? Take(Slice slice, Need need)
    {
        // What the next host in the file would take is given out last, so that it is still free then, however many come and go.
        var free =
            (slice.Lasting is { } lasting ? Free(lasting) : null)
            ?? Free(slice)
            ?? Reuse(slice, Roster.ShortRest);
        if (free is not null)
        {
            taken.Add(free);
            return free;
        }
        notices.Add(
            slice.Part is { } part
                ? $"{need.Container} gets no address of {slice.Subnet} in network {need.Network}: all of {part} that this host gives out are taken. Declare a larger slice for host '{host}' under 'slices' of the network, make its subnet larger, or see `weft addresses` for what can be released"
                : $"{need.Container} gets no address of {slice.Subnet} in network {need.Network}, which is too small to have a part for each of {overlay.Hosts.Length} hosts: make it larger, or declare 'slices' for the hosts that need one"
        );
        return null;
    }

    private IPAddress? Free(Slice slice) =>
        slice.FirstFree(taken.Contains) ?? Reuse(slice, Roster.Rest);

    /// <summary>
    /// Takes an address of the container that has been gone for longest, if for long enough; its record ends with that.
    /// </summary>
    private IPAddress? Reuse(Slice slice, TimeSpan rest)
    {
        var longest = holdings
            .Where(holding =>
                HasRested(holding, rest) && holding.Record.Addresses.Any(slice.Contains)
            )
            .MinBy(holding => holding.Record.GoneSince);
        if (longest is null)
        {
            return null;
        }
        taken.ExceptWith(longest.Record.Addresses);
        longest.IsDropped = true;
        holdings.Remove(longest);
        return longest.Record.Addresses.First(slice.Contains);
    }

    private bool HasRested(Holding holding, TimeSpan rest) =>
        holding.Record.GoneSince <= now - rest;

    private void CheckSlice(Need need, Slice slice, IPAddress address)
    {
        if (slice.Contains(address))
        {
            return;
        }
        var network = overlay.Networks.First(network => network.Name == need.Network);
        var other = overlay.Hosts.FirstOrDefault(other =>
            slices.Of(network, slice.Subnet, other.Name).Contains(address)
        );
        notices.Add(
            $"{need.Container} has {address} of network {need.Network} from before, and "
                + (
                    other is null
                        ? "no host's slice holds it now"
                        : $"host '{other.Name}' gives out its slice now"
                )
                + ": so that nobody else gets it, declare a slice that holds it for this host (`weft addresses slices`), or release it (`weft addresses release`) while the container is stopped"
        );
    }

    private ImmutableSortedDictionary<string, string> LabelsOf(ContainerSighting sighting) =>
        sighting
            .Labels.Where(label =>
                overlay.Selections.Any(selection => selection.Labels.ContainsKey(label.Key))
            )
            .ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>A record, and who it is for.</summary>
    private sealed class Holding(AddressRecord record)
    {
        public AddressRecord Record { get; set; } = record;

        public Need? Need { get; set; }

        public bool IsDropped { get; set; }
    }

    /// <summary>A place in a network that the file gives no address.</summary>
    private sealed class Need(ContainerKey container, string network, ContainerSighting? sighting)
    {
        public ContainerKey Container { get; } = container;

        public string Network { get; } = network;

        public ContainerSighting? Sighting { get; } = sighting;

        public Holding? Holding { get; private set; }

        public void Take(Holding holding)
        {
            Holding = holding;
            holding.Need = this;
        }
    }
}
