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

    /// <summary>Starts the process that will hold a segment, and that does nothing yet.</summary>
    /// <param name="directory">The lab's directory.</param>
    /// <param name="control">The machine's address, with its length, on the control wire; null for no such wire.</param>
    public static Holder Prepare(LabDirectory directory, string? control) =>
        Holder.Start("the segment", directory.Unpack("segment.sh"), control ?? "");

    /// <summary>The path of the network namespace that it is in.</summary>
    public static string NamespaceOf(HeldProcess process) =>
        $"/proc/{process.Init!.Value.Pid}/ns/net";

    /// <summary>Gives a host with a network namespace of its own its <c>eth0</c>.</summary>
    /// <param name="port">The number of the host's port, from 1.</param>
    /// <param name="host">A process in the host.</param>
    /// <param name="mtu">The MTU of both ends in bytes.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="LabException">The link could not be made.</exception>
    public Task AttachAsync(
        int port,
        ProcessIdentity host,
        int mtu,
        CancellationToken cancellationToken
    ) =>
        RunAsync(
            port,
            $"""
            link add port{port} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {host.Pid}
            link set port{port} master segment up

            """,
            cancellationToken
        );

    /// <summary>Makes the two taps that a host with a kernel of its own opens: <c>portN</c> and <c>controlN</c>.</summary>
    /// <param name="port">The number of the host's port, from 1.</param>
    /// <param name="mtu">The MTU on the segment in bytes.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="LabException">The taps could not be made.</exception>
    public Task AddTapsAsync(int port, int mtu, CancellationToken cancellationToken) =>
        RunAsync(
            port,
            $"""
            tuntap add dev port{port} mode tap
            link set port{port} mtu {mtu} master segment up
            tuntap add dev control{port} mode tap
            link set control{port} master control up

            """,
            cancellationToken
        );

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
