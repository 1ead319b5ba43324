namespace Weft.Labs;

/// <summary>
/// Makes hosts of namespaces (network, mount, host name, System V IPC and process numbers) on the machine's own kernel, in a
/// tenth of a second each. All processes of a host end with its first one.
/// </summary>
internal sealed class NamespaceIsolation : IIsolation
{
    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Programs { get; } =
        new Dictionary<string, string>
        {
            ["env"] = "coreutils",
            ["ip"] = "iproute2",
            ["mount"] = "mount",
            ["nsenter"] = "util-linux",
            ["setpriv"] = "util-linux",
            ["setsid"] = "util-linux",
            ["unshare"] = "util-linux",
        };

    /// <inheritdoc/>
    public string? ControlAddress => null;

    /// <inheritdoc/>
    public bool? HasKernelDatapath => null;

    /// <inheritdoc/>
    public bool CanReboot => false;

    /// <inheritdoc/>
    public Holder Prepare(LabDirectory directory, LabRecord lab, HostRecord host)
    {
        directory.Unpack("host-layers.sh");
        directory.Unpack("host-cgroups.sh");
        return Holder.Start(
            $"host '{host.Name}'",
            directory.Unpack("host-init.sh"),
            host.Name,
            host.ControlGroup ?? ""
        );
    }

    /// <inheritdoc/>
    public async Task<HeldProcess> MakeAsync(
        Holder holder,
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    )
    {
        var process = await holder.GoAsync(cancellationToken);
        await new Segment(lab.Segment).AttachAsync(host, process.Init!.Value, cancellationToken);
        return process;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// <c>nsenter</c> waits for the command, in the machine's process namespace. It is started with the terminal's signals
    /// ignored so that it outlives Ctrl-C and returns the command's exit code; the command has the default actions again, and
    /// gets SIGHUP if <c>nsenter</c> ends.
    /// </remarks>
    public IReadOnlyList<string> Enter(
        LabRecord lab,
        HostRecord host,
        params IEnumerable<string> command
    ) =>
        [
            "nsenter",
            "--target",
            $"{host.Process.Init!.Value.Pid}",
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--",
            "setpriv",
            "--pdeathsig=HUP",
            .. IIsolation.WithSignals,
            .. host.ControlGroup is null
                ? []
                : (string[])["sh", "-c", LabDirectory.Script("host-join.sh"), "host-join.sh"],
            .. command,
        ];

    /// <inheritdoc/>
    public async Task RemoveAsync(HostRecord host, CancellationToken cancellationToken)
    {
        await Holder.EndAsync(host.Process, cancellationToken);
        if (host.ControlGroup is { } group)
        {
            await ControlGroup.RemoveAsync(group, cancellationToken);
        }
    }
}
