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

/// <summary>An overlay as one of its hosts has to do with it.</summary>
internal sealed class HostOverlay
{
    // Addresses rest by the clock (Roster.Rest), which this is little beside.
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);

    // What goes only once two looks say so would never go if each began as if all could be recorded.
    private static readonly TimeSpan RecordsPause = TimeSpan.FromSeconds(30);

    private readonly AddressStore store;
    private readonly NegotiationStore negotiations;
    private Known? last;
    private (string Problem, DateTimeOffset Time)? unrecorded;

    /// <summary>An overlay as one of its hosts has to do with it.</summary>
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

    /// <summary>Where to look for what the host proves who it is with; null where the tunnels are not encrypted.</summary>
    public IpsecCredentials? Credentials { get; }

    /// <summary>What the host must look like, which depends on what its kernel can do and which containers it has.</summary>
    /// <param name="observation">What it looks like.</param>
    /// <param name="adopt">Whether what has a name and a place that the overlay needs, and is nobody's, is taken over.</param>
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

    /// <summary>What was read of the host, with what was recorded there.</summary>
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
    /// Records who gets which address, before anybody has it. The host's lock must be held. A disk that is full keeps nobody
    /// from the addresses that are recorded: who would get another waits, and it is tried again after a while.
    /// </summary>
    /// <returns>What was read of the host, with what keeps more from being recorded.</returns>
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

    /// <summary>The overlay with all containers that are known here: of this host also those that were found by their labels.</summary>
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
    /// What the containers that are there come to. It is asked for several times of one observation, and of one after the
    /// other while nothing happens to a container.
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
