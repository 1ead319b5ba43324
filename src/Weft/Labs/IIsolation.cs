namespace Weft.Labs;

/// <summary>
/// What keeps the hosts of a lab apart, from one another and from the machine. Making a host takes two steps so
/// that its process is written down before there is anything to remove.
/// </summary>
internal interface IIsolation
{
    /// <summary>The programs that it needs, and the Debian package that each comes with.</summary>
    IReadOnlyDictionary<string, string> Programs { get; }

    /// <summary>Starts the process that will hold a host, and that does nothing yet.</summary>
    Holder Prepare(LabDirectory directory, string host);

    /// <summary>
    /// Makes the host: with this name, with its own <c>/etc</c>, <c>/var</c> and <c>/run</c>, and with
    /// <c>eth0</c>, of this MTU, on the segment.
    /// </summary>
    /// <param name="holder">The prepared holder.</param>
    /// <param name="segment">The wire between the hosts.</param>
    /// <param name="port">The number of the host's port there, from 1.</param>
    /// <param name="mtu">The MTU of <c>eth0</c> in bytes.</param>
    /// <param name="cancellationToken">Stops waiting; the holder is then ended by whoever prepared it.</param>
    /// <exception cref="LabException">The host could not be made.</exception>
    Task<HeldProcess> MakeAsync(
        Holder holder,
        Segment segment,
        int port,
        int mtu,
        CancellationToken cancellationToken
    );

    /// <summary>The command on the machine that runs a command in a host, standard streams and all.</summary>
    IReadOnlyList<string> Enter(HostRecord host, params IEnumerable<string> command);

    /// <summary>Ends the host, whatever state it is in, and waits until it is gone.</summary>
    Task RemoveAsync(HostRecord host, CancellationToken cancellationToken);
}
