namespace Weft.Ovsdb;

/// <summary>Where and how to connect.</summary>
public sealed record OvsdbClientOptions
{
    /// <summary>The servers, tried in this order; the next one when one fails. At least one.</summary>
    public required IReadOnlyList<Remote> Remotes { get; init; }

    /// <summary>For <c>ssl:</c> remotes.</summary>
    public TlsOptions Tls { get; init; } = new();

    /// <summary>
    /// The database that matters. When given, a member of a cluster is used only while it is in touch with its
    /// cluster and knows what this client has seen already (through the <c>_Server</c> database, ovsdb-server(5)).
    /// </summary>
    public string? Database { get; init; }

    /// <summary>Use a cluster's leader only, and leave when it is leader no more. Needs <see cref="Database"/>.</summary>
    public bool LeaderOnly { get; init; }

    /// <summary>How long one remote may take to be connected, TLS and the check of its role included. 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long <see cref="OvsdbClient.ConnectAsync(OvsdbClientOptions, CancellationToken)"/> goes on trying. Zero
    /// (the default): each remote once.
    /// </summary>
    public TimeSpan FirstConnectPatience { get; init; }

    /// <summary>
    /// How long a request that finds no connection waits for one before it fails, unsent. 10 s.
    /// <see cref="Timeout.InfiniteTimeSpan"/>: without end.
    /// </summary>
    public TimeSpan ReconnectPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// After how much silence the server is asked for an echo; after as much again the connection counts as lost.
    /// 5 s, as in Open vSwitch. Zero: never.
    /// </summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long to pause after the first round over all remotes failed. 100 ms.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest pause; each round that fails doubles it up to this. 8 s.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>The largest message in bytes that is accepted from a server; a larger one ends the connection. 64 MiB.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>The clock and the timers.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    // Timers take a little more: 2^32 - 2 milliseconds.
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
#pragma warning disable MA0015 // The parameter's name at the one caller.
                throw new ArgumentException(otherwise, "options");
#pragma warning restore MA0015
            }
        }
    }
}
