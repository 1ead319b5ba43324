using System.Text;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>
/// The wire between the hosts of a lab: a bridge in a network namespace of its own, connected to nothing else.
/// </summary>
internal sealed class Segment(HeldProcess process)
{
    /// <summary>What holds it.</summary>
    public HeldProcess Process => process;

    /// <summary>Starts the process that will hold a segment, and that does nothing yet.</summary>
    public static Holder Prepare(LabDirectory directory) =>
        Holder.Start("the segment", directory.Unpack("segment.sh"));

    /// <summary>Gives a host with a network namespace of its own its <c>eth0</c>.</summary>
    /// <param name="port">The number of the host's port, from 1.</param>
    /// <param name="host">A process in the host.</param>
    /// <param name="mtu">The MTU of both ends in bytes.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="LabException">The link could not be made.</exception>
    public async Task AttachAsync(
        int port,
        ProcessIdentity host,
        int mtu,
        CancellationToken cancellationToken
    )
    {
        var batch = $"""
            link add port{port} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {host.Pid}
            link set port{port} master segment up

            """;
        var result = await Tool.RunAsync(
            ["nsenter", $"--net=/proc/{process.Init!.Value.Pid}/ns/net", "ip", "-batch", "-"],
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
