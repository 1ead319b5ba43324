using System.Collections.Immutable;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// The containers of one host with everything resolved: those that the file names, and those that it selects. Pure: the same
/// sightings and records give the same roster. Its records must be saved before anything gets one of its addresses.
/// </summary>
public sealed record Roster
{
    private const int MostNamed = 5;

    /// <summary>
    /// For how long nobody else gets the address of a container that is gone while another address is free: the container may
    /// come back.
    /// </summary>
    public static readonly TimeSpan Rest = TimeSpan.FromHours(24);

    /// <summary>For how long nobody gets it even if no other is free: neighbours remember who had it.</summary>
    public static readonly TimeSpan ShortRest = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The containers, those of the file first. An attachment without addresses is of a container that its engine has never
    /// shown, or of one of Docker's or Podman's that has not run yet: it gets them once it is there, or runs.
    /// </summary>
    public required ImmutableArray<Container> Containers { get; init; }

    /// <summary>Who has which address of this host's slices.</summary>
    public required ImmutableArray<AddressRecord> Records { get; init; }

    /// <summary>What people should know, each with what to do.</summary>
    public required ImmutableArray<string> Notices { get; init; }

    /// <summary>Which containers wait for addresses that cannot be recorded, and why; null where none does.</summary>
    public string? Waiting { get; init; }

    /// <summary>Resolves the containers of a host.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">One of its hosts.</param>
    /// <param name="sightings">The containers that the engines which answered have, also those that do not run.</param>
    /// <param name="answered">The engines that answered; what the others have is unknown, and their records stand.</param>
    /// <param name="records">What was recorded before.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="KeyNotFoundException">The overlay has no such host.</exception>
    public static Roster Of(
        Overlay overlay,
        string host,
        IReadOnlyCollection<ContainerSighting> sightings,
        IReadOnlySet<Engine> answered,
        ImmutableArray<AddressRecord> records,
        DateTimeOffset now
    )
    {
        var notices = ImmutableArray.CreateBuilder<string>();
        ContainerSighting[] known =
        [
            .. NotReplaced(sightings)
                .Concat(Remembered(records, answered))
                .DistinctBy(sighting => sighting.Key),
        ];
        var containers = new Selector(overlay, host, notices).Resolve(known, records);
        var giver = new AddressGiver(overlay, host, answered, records, now, notices);
        var addressed = giver.Give(containers, known);
        return new Roster
        {
            Containers = addressed,
            Records = giver.Records,
            Notices = notices.ToImmutable(),
        };
    }

    /// <summary>
    /// The roster if no more can be recorded: only recorded addresses are used, and a container that would get another waits.
    /// </summary>
    /// <param name="recorded">What is recorded.</param>
    /// <param name="problem">Why no more can be.</param>
    public Roster Only(ImmutableArray<AddressRecord> recorded, string problem)
    {
        var kept = (
            from record in recorded
            from address in record.Addresses
            select (record.Container.Engine, record.Id, record.Network, address)
        ).ToHashSet();
        var withheld = (
            from record in Records
            from address in record.Addresses
            where !kept.Contains((record.Container.Engine, record.Id, record.Network, address))
            select (record.Container, record.Network, address)
        ).ToHashSet();
        if (withheld.Count == 0)
        {
            return this;
        }
        var names = withheld
            .Select(one => one.Container.ToString())
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToList();
        return this with
        {
            Containers =
            [
                .. Containers
                    .Select(container => container with { Attachments = [.. Left(container)] })
                    .Where(container => !container.Attachments.IsEmpty),
            ],
            Records = recorded,
            Waiting =
                $"no address yet for {string.Join(", ", names.Take(MostNamed))}{(names.Count > MostNamed ? $" and {names.Count - MostNamed} more" : "")}: {problem}",
        };

        IEnumerable<Attachment> Left(Container container)
        {
            var key = container.Key;
            return from place in container.Attachments
                let left = place.Addresses.RemoveAll(address =>
                    withheld.Contains((key, place.Network, address))
                )
                // A container that has never had an address is awaited as before.
                where !left.IsEmpty || place.Addresses.IsEmpty
                select left == place.Addresses ? place : place with { Addresses = left };
        }
    }

    /// <summary>
    /// Leaves out containers that have ended beside one that was made in their place, which has what they had. Docker Compose 1
    /// keeps what it replaces under a temporary name until the new one runs.
    /// </summary>
    private static IEnumerable<ContainerSighting> NotReplaced(
        IReadOnlyCollection<ContainerSighting> sightings
    )
    {
        var keys = sightings.Select(sighting => sighting.Key).ToHashSet();
        return sightings.Where(sighting =>
            !sighting.HasEnded
            || sighting.Key.BeforeReplaced(sighting.Id) is var former
                && (former == sighting.Key || !keys.Contains(former))
        );
    }

    /// <summary>The containers of engines that do not answer, as far as they were recorded.</summary>
    private static IEnumerable<ContainerSighting> Remembered(
        IEnumerable<AddressRecord> records,
        IReadOnlySet<Engine> answered
    ) =>
        records
            .Where(record =>
                record.GoneSince is null && !answered.Contains(record.Container.Engine)
            )
            .DistinctBy(record => record.Container)
            .Select(record => new ContainerSighting
            {
                Key = record.Container,
                Id = record.Id,
                Labels = record.Labels,
            });
}
