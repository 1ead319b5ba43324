using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Installation;

namespace Weft;

/// <summary>An overlay as one of its hosts sees it.</summary>
internal sealed class HostOverlay
{
    // How old a cached roster may be: addresses become free with time (Roster.Rest, 24 h), beside which a minute is nothing.
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);

    // How long it is remembered that records cannot be written. What is removed only once two looks agree would never be
    // removed if each look began as if they could.
    private static readonly TimeSpan RecordsPause = TimeSpan.FromSeconds(30);

    private readonly AddressStore store;
    private readonly NegotiationStore negotiations;
    private Known? last;
    private (string Problem, DateTimeOffset Time)? unrecorded;

    /// <summary>An overlay as one of its hosts sees it.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">One of its hosts.</param>
    /// <param name="directory">Where the host keeps what it remembers of overlays.</param>
    public HostOverlay(
        Overlay overlay,
        string host,
        string directory = AddressStore.DefaultDirectory
    )
    {
        Overlay = overlay;
        Host = host;
        store = new AddressStore(overlay.Name, directory);
        negotiations = new NegotiationStore(overlay.Name);
        Interest = new ContainerInterest(overlay, host, store.HasAnyOf);
        Credentials = overlay.Tunnels.Ipsec?.Credentials.For(host);
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay { get; }

    /// <summary>The host's name.</summary>
    public string Host { get; }

    /// <summary>Which of the host's containers matter.</summary>
    public ContainerInterest Interest { get; }

    /// <summary>Where the host's credentials are; null if the tunnels are not encrypted.</summary>
    public IpsecCredentials? Credentials { get; }

    /// <summary>What the host must look like, which depends on what its kernel can do and which containers it has.</summary>
    /// <param name="observation">What it looks like.</param>
    /// <param name="adopt">Whether to take over what is nobody's and has a name and a place that the overlay needs.</param>
    public HostIntent Intend(HostObservation observation, bool adopt = false)
    {
        var intent = Adoption.Fit(Resolve(observation).Intent, observation, adopt);
        return observation.BootProblem is { } problem
            ? intent with
            {
                Notices = [.. intent.Notices, problem],
            }
            : intent;
    }

    /// <summary>An observation, completed by what was recorded on the host.</summary>
    /// <exception cref="HostException">The records cannot be read.</exception>
    public HostObservation WithRecords(HostObservation observation) =>
        observation with
        {
            AddressRecords = store.Read(),
            RecordsProblem =
                unrecorded is var (problem, time)
                && (observation.Time - time).Duration() < RecordsPause
                    ? problem
                    : null,
            FailedNegotiations = Credentials is null ? [] : negotiations.Read(),
            BootProblem = Credentials is null ? null : HostFiles.WhyUnheld(new Placement("/")),
        };

    /// <summary>
    /// Records who gets which address, before anybody has it. The host's lock must be held. If the disk is full, recorded
    /// addresses stay in use: a container that would get another waits, and writing is tried again after a while.
    /// </summary>
    /// <returns>The observation, with what keeps more from being recorded.</returns>
    public HostObservation Record(HostObservation observation)
    {
        if (observation.RecordsProblem is not null)
        {
            return observation;
        }
        try
        {
            store.Write(Resolve(observation).Roster.Records);
            unrecorded = null;
            return observation;
        }
        catch (HostException exception)
        {
            unrecorded = (exception.Message, observation.Time);
            return observation with { RecordsProblem = exception.Message };
        }
    }

    /// <summary>
    /// Whether containers are gone whose addresses are recorded as in use: something to <see cref="Record"/>, even if nothing on the
    /// host has to change.
    /// </summary>
    public bool HasLeavers(HostObservation observation)
    {
        return observation.RecordsProblem is null
            && Needed(Resolve(observation).Roster.Records) < Needed(observation.AddressRecords);

        static int Needed(ImmutableArray<AddressRecord> records) =>
            records.Count(record => record.GoneSince is null);
    }

    /// <summary>
    /// The overlay with all containers that are known here, including those of this host that were found by their labels.
    /// </summary>
    public Overlay With(HostObservation observation) =>
        Overlay with
        {
            Containers =
            [
                .. Overlay.Containers.Where(container => container.Host != Host),
                .. Resolve(observation).Roster.Containers,
            ],
        };

    /// <summary>
    /// Resolves the containers that are there. The result is kept: it is asked for several times for one observation, and for
    /// one observation after the other while nothing happens to a container.
    /// </summary>
    private Known Resolve(HostObservation observation)
    {
        var kernelDatapath = observation.HasKernelDatapathFor(Overlay.Switch);
        if (last is { } known && known.IsOf(observation, kernelDatapath))
        {
            return known;
        }
        var answered = Interest.Engines.Except(observation.SilentEngines.Keys).ToHashSet();
        var roster = Roster.Of(
            Overlay,
            Host,
            [
                .. observation.Containers.Values.Where(container =>
                    answered.Contains(container.Key.Engine)
                ),
            ],
            answered,
            observation.AddressRecords,
            observation.Time
        );
        if (observation.RecordsProblem is { } problem)
        {
            roster = roster.Only(observation.AddressRecords, problem);
        }
        var intent = IntentBuilder.Build(Overlay, Host, kernelDatapath, roster.Containers) with
        {
            Notices = roster.Notices,
            Waiting = roster.Waiting,
        };
        return last = new Known
        {
            Containers = observation.Containers,
            SilentEngines = observation.SilentEngines,
            Records = observation.AddressRecords,
            RecordsProblem = observation.RecordsProblem,
            KernelDatapath = kernelDatapath,
            Time = observation.Time,
            Roster = roster,
            Intent = intent,
        };
    }

    /// <summary>A roster and an intent, and what they were made of.</summary>
    private sealed class Known
    {
        public required IReadOnlyDictionary<
            ContainerKey,
            ContainerSighting
        > Containers { get; init; }

        public required ImmutableSortedDictionary<Engine, string> SilentEngines { get; init; }

        public required ImmutableArray<AddressRecord> Records { get; init; }

        public required string? RecordsProblem { get; init; }

        public required bool KernelDatapath { get; init; }

        public required DateTimeOffset Time { get; init; }

        public required Roster Roster { get; init; }

        public required HostIntent Intent { get; init; }

        public bool IsOf(HostObservation observation, bool kernelDatapath) =>
            ReferenceEquals(Containers, observation.Containers)
            && ReferenceEquals(SilentEngines, observation.SilentEngines)
            && Records == observation.AddressRecords
            && RecordsProblem == observation.RecordsProblem
            && KernelDatapath == kernelDatapath
            && (observation.Time - Time).Duration() < Memory;
    }
}
