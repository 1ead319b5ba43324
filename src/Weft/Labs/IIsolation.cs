namespace Weft.Labs;

/// <summary>
/// Keeps the hosts of a lab apart, from one another and from the machine. A host is made in two steps so that its process is
/// recorded before there is anything to remove.
/// </summary>
internal interface IIsolation
{
    /// <summary>
    /// Begins a command that Weft starts, or turns into, while it ignores the terminal's signals: gives the command their default
    /// actions, as a shell does.
    /// </summary>
    static IReadOnlyList<string> WithSignals { get; } =
    ["env", "--default-signal=HUP,INT,QUIT,PIPE"];

    /// <summary>The programs that it needs, and the Debian package that each comes with.</summary>
    IReadOnlyDictionary<string, string> Programs { get; }

    /// <summary>
    /// The machine's address, with its length, on the control wire, which tells hosts what to run; null where there is none.
    /// </summary>
    string? ControlAddress { get; }

    /// <summary>Whether its hosts' kernels have Open vSwitch's datapath; null where hosts share the machine's kernel.</summary>
    bool? HasKernelDatapath { get; }

    /// <summary>Whether its hosts can be started again with what they had on their disks.</summary>
    bool CanReboot { get; }

    /// <summary>Starts the process that will hold a host, and that makes nothing yet.</summary>
    /// <param name="directory">The lab's directory.</param>
    /// <param name="lab">The lab's name and program; nothing else of it is known yet.</param>
    /// <param name="host">The host's name, port and MTU; its process is not known yet.</param>
    Holder Prepare(LabDirectory directory, LabRecord lab, HostRecord host);

    /// <summary>
    /// Makes the host, with its name, with its own <c>/etc</c>, <c>/var</c>, <c>/usr/local</c> and <c>/run</c>, and with its
    /// <c>eth0</c> on the segment. A host that existed before finds its disk as it left it.
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
