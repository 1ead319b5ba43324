namespace Weft.Ovsdb;

/// <summary>The remotes and settings of a client.</summary>
public sealed record OvsdbClientOptions
{
    /// <summary>The servers, at least one. They are tried in this order; when one fails, the next is tried.</summary>
    public required IReadOnlyList<Remote> Remotes { get; init; }

    /// <summary>TLS settings for <c>ssl:</c> remotes.</summary>
    public TlsOptions Tls { get; init; } = new();

    /// <summary>
    /// The database that matters to the client. If given, a member of a cluster is used only while it is connected to its cluster
    /// and has all that this client has already seen (found out through the <c>_Server</c> database, ovsdb-server(5)).
    /// </summary>
    public string? Database { get; init; }

    /// <summary>
    /// Whether to use only a cluster's leader, and disconnect when it stops being the leader. Needs <see cref="Database"/>.
    /// </summary>
    public bool LeaderOnly { get; init; }

    /// <summary>The time limit for connecting to one remote, including TLS and the check of its role. 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long <see cref="OvsdbClient.ConnectAsync(OvsdbClientOptions, CancellationToken)"/> keeps trying. Zero (the default):
    /// it tries each remote once.
    /// </summary>
    public TimeSpan FirstConnectPatience { get; init; }

    /// <summary>
    /// How long a request waits for a connection if there is none, before it fails without being sent. 10 s. <see
    /// cref="Timeout.InfiniteTimeSpan"/>: without limit.
    /// </summary>
    public TimeSpan ReconnectPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The silence after which an echo request is sent; after as much again the connection is considered lost. 5 s, as in Open
    /// vSwitch. Zero: never.
    /// </summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first failed round over all remotes. 100 ms.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The maximum pause; each failed round doubles the pause up to this. 8 s.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>The maximum size of a message from a server, in bytes; a larger one ends the connection. 64 MiB.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>The source of time and timers.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    // A little less than timers accept, which is 2^32 - 2 milliseconds.
    private static readonly TimeSpan s_longestTimer = TimeSpan.FromDays(49);

    internal void Check()
    {
        Demand(
            Remotes.Count > 0,
            "No remote to connect to: give at least one, such as unix:/run/openvswitch/db.sock"
        );
        Demand(
            !LeaderOnly || Database is not null,
            "LeaderOnly needs Database: each has a leader of its own"
        );
        Demand(MaxMessageBytes >= 1024, "MaxMessageBytes is at least 1024");
        Demand(MinBackoff >= TimeSpan.FromMilliseconds(1), "MinBackoff is at least 1 ms");
        Demand(MaxBackoff >= MinBackoff, "MaxBackoff is at least MinBackoff");
        Demand(ProbeInterval >= TimeSpan.Zero, "ProbeInterval is zero or more");
        Demand(ConnectTimeout > TimeSpan.Zero, "ConnectTimeout is more than zero");
        Demand(
            ReconnectPatience >= TimeSpan.Zero || ReconnectPatience == Timeout.InfiniteTimeSpan,
            "ReconnectPatience is zero or more, or infinite"
        );
        foreach (
            var (name, value) in (ReadOnlySpan<(string, TimeSpan)>)
                [
                    (nameof(ConnectTimeout), ConnectTimeout),
                    (nameof(ReconnectPatience), ReconnectPatience),
                    (nameof(ProbeInterval), ProbeInterval),
                    (nameof(MaxBackoff), MaxBackoff),
                ]
        )
        {
            Demand(value <= s_longestTimer, $"{name} is at most {s_longestTimer.Days} days");
        }

        static void Demand(bool condition, string otherwise)
        {
            if (!condition)
            {
#pragma warning disable MA0015 // This is the parameter's name in the only caller.
                throw new ArgumentException(otherwise, "options");
#pragma warning restore MA0015
            }
        }
    }
}
