using System.Text;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>
/// The wire between the hosts of a lab: a bridge in a network namespace of its own, connected to nothing else.
/// </summary>
internal sealed class Segment(HeldProcess process)
{
    /// <summary>The name of the bridge, which sees every packet between two hosts once.</summary>
    public const string Bridge = "segment";

    /// <summary>What holds it.</summary>
    public HeldProcess Process => process;

    /// <summary>Starts the process that will hold a segment, and that makes nothing yet.</summary>
    /// <param name="directory">The lab's directory.</param>
    /// <param name="control">The machine's address, with its length, on the control wire; null for no such wire.</param>
    /// <param name="routers">The routers that hosts are behind.</param>
    public static Holder Prepare(
        LabDirectory directory,
        string? control,
        IEnumerable<Router> routers
    ) =>
        Holder.Start(
            "the segment",
            directory.Unpack("segment.sh"),
            [control ?? "", .. routers.SelectMany(router => router.Arguments)]
        );

    /// <summary>The path of the network namespace that it is in.</summary>
    public static string NamespaceOf(HeldProcess process) =>
        $"/proc/{process.Init!.Value.Pid}/ns/net";

    /// <summary>Gives a host with a network namespace of its own its <c>eth0</c>.</summary>
    /// <param name="host">The host.</param>
    /// <param name="process">A process in it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="LabException">The link could not be made.</exception>
    public Task AttachAsync(
        HostRecord host,
        ProcessIdentity process,
        CancellationToken cancellationToken
    ) =>
        RunAsync(
            host.Port,
            $"""
            link add port{host.Port} mtu {host.Mtu} type veth peer name eth0 mtu {host.Mtu} netns {process.Pid}
            link set port{host.Port} master {BridgeOf(host)} up

            """,
            cancellationToken
        );

    /// <summary>Makes the two taps that a host with a kernel of its own opens: <c>portN</c> and <c>controlN</c>.</summary>
    /// <param name="host">The host.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="LabException">The taps could not be made.</exception>
    public Task AddTapsAsync(HostRecord host, CancellationToken cancellationToken) =>
        RunAsync(
            host.Port,
            $"""
            tuntap add dev port{host.Port} mode tap
            link set port{host.Port} mtu {host.Mtu} master {BridgeOf(host)} up
            tuntap add dev control{host.Port} mode tap
            link set control{host.Port} master control up

            """,
            cancellationToken
        );

    private static string BridgeOf(HostRecord host) =>
        host.BehindRouter ? $"behind{host.Port}" : Bridge;

    private async Task RunAsync(int port, string batch, CancellationToken cancellationToken)
    {
        var result = await Tool.RunAsync(
            ["nsenter", $"--net={NamespaceOf(process)}", "ip", "-batch", "-"],
            Encoding.UTF8.GetBytes(batch),
            cancellationToken: cancellationToken
        );
        if (result.ExitCode != 0)
        {
            throw new LabException(
                $"port {port} of the segment could not be made: {result.Errors.Trim()}"
            );
        }
    }
}
