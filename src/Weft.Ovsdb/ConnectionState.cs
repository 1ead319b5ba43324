namespace Weft.Ovsdb;

/// <summary>The status of a client's connection.</summary>
public enum ConnectionStatus
{
    /// <summary>Trying to connect, for the first time or after the connection was lost.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Connected,

    /// <summary>Disposed.</summary>
    Closed,
}

/// <summary>The state of a client's connection.</summary>
/// <param name="Status">The status.</param>
/// <param name="Since">The time at which this status began.</param>
/// <param name="Remote">The connected remote; null if not connected.</param>
/// <param name="LastError">The last failure, of a connection or an attempt to connect; null if there was none.</param>
/// <param name="Attempts">The number of attempts to connect since the last connection; 0 while connected.</param>
public sealed record ConnectionState(
    ConnectionStatus Status,
    DateTimeOffset Since,
    Remote? Remote,
    OvsdbException? LastError,
    int Attempts
);
