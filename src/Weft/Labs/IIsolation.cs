namespace Weft.Labs;

/// <summary>
/// What keeps the hosts of a lab apart, from one another and from the machine. Making a host takes two steps so
/// that its process is written down before there is anything to remove.
/// </summary>
internal interface IIsolation
{
    /// <summary>
    /// What begins a command that Weft becomes, with the terminal's signals ignored, or that it has started: the command has them
    /// as in a shell.
    /// </summary>
    static IReadOnlyList<string> WithSignals { get; } =
    ["env", "--default-signal=HUP,INT,QUIT,PIPE"];

    /// <summary>The programs that it needs, and the Debian package that each comes with.</summary>
    IReadOnlyDictionary<string, string> Programs { get; }

    /// <summary>The machine's address, with its length, on the wire by which hosts are told what to run; null where none is needed.</summary>
    string? ControlAddress { get; }

    /// <summary>Whether its hosts' kernels have Open vSwitch's datapath; null where that is for the machine's own kernel to say.</summary>
    bool? HasKernelDatapath { get; }

    /// <summary>Whether a host of its kind can be started again with what it had on its disk.</summary>
    bool CanReboot { get; }

    /// <summary>Starts the process that will hold a host, and that does nothing yet.</summary>
    /// <param name="directory">The lab's directory.</param>
    /// <param name="lab">The lab's name and program; nothing else of it is known yet.</param>
    /// <param name="host">The host's name, port and MTU; its process is not known yet.</param>
    Holder Prepare(LabDirectory directory, LabRecord lab, HostRecord host);

    /// <summary>
    /// Makes the host: with this name, with its own <c>/etc</c>, <c>/var</c>, <c>/usr/local</c> and <c>/run</c>, and with
    /// <c>eth0</c>, of this MTU, on the segment. A host that has been there before finds its disk as it left it.
    /// </summary>
    /// <param name="holder">The prepared holder.</param>
    /// <param name="lab">The lab, its segment made.</param>
    /// <param name="host">The host.</param>
    /// <param name="cancellationToken">Stops waiting; the holder is then ended by whoever prepared it.</param>
    /// <exception cref="LabException">The host could not be made.</exception>
    Task<HeldProcess> MakeAsync(
        Holder holder,
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    );

    /// <summary>The command on the machine that runs a command in a host, standard streams and all.</summary>
    IReadOnlyList<string> Enter(LabRecord lab, HostRecord host, params IEnumerable<string> command);

    /// <summary>Ends the host, whatever state it is in, and waits until it is gone.</summary>
    Task RemoveAsync(HostRecord host, CancellationToken cancellationToken);
}
