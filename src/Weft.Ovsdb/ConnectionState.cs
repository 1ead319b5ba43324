namespace Weft.Ovsdb;

/// <summary>How a client stands with its server.</summary>
public enum ConnectionStatus
{
    /// <summary>Trying the remotes for the first time, or again after a loss.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Connected,

    /// <summary>Disposed of.</summary>
    Closed,
}

/// <summary>How a client stands with its server, and since when.</summary>
/// <param name="Status">How it stands.</param>
/// <param name="Since">Since when it stands so.</param>
/// <param name="Remote">The remote that it is connected to; null while it is not.</param>
/// <param name="LastError">The last failure: why the connection was lost, or why it could not be made; null if there was none.</param>
/// <param name="Attempts">How many times a remote was tried since the last connection, 0 while connected.</param>
public sealed record ConnectionState(
    ConnectionStatus Status,
    DateTimeOffset Since,
    Remote? Remote,
    OvsdbException? LastError,
    int Attempts
);
