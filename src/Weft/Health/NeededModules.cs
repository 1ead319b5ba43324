using System.Net.Sockets;
using Weft.Core.Intents;
using Weft.Core.Linux;

namespace Weft.Health;

/// <summary>
/// Finds whether the kernel has the modules that an overlay needs. It loads them itself on demand, but kernels for virtual
/// machines often come without some.
/// </summary>
internal static class NeededModules
{
    /// <summary>Checks all that a host needs.</summary>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="stateOf">Returns whether the kernel has a module.</param>
    /// <param name="areFixed">Whether the kernel loads no more modules.</param>
    public static IEnumerable<Finding> Judge(
        HostIntent intent,
        Func<string, ModuleState> stateOf,
        bool areFixed
    )
    {
        const string What = "kernel modules";
        var needed = Of(intent).ToList();
        var states = needed.ConvertAll(one => (one.Module, one.For, State: stateOf(one.Module)));
        foreach (var (module, use, state) in states)
        {
            if (state is ModuleState.Absent)
            {
                yield return new Finding(
                    What,
                    Verdict.Wrong,
                    $"the kernel has no {module}, which {use}: install a kernel that has it, such as Debian's linux-image-{Architecture}"
                );
            }
            else if (state is ModuleState.Loadable && areFixed)
            {
                yield return new Finding(
                    What,
                    Verdict.Wrong,
                    $"{module}, which {use}, is not loaded, and this kernel loads no more (kernel.modules_disabled): name it in /etc/modules and reboot"
                );
            }
        }
        var unknown = states.Where(one => one.State is ModuleState.Unknown).ToList();
        if (unknown.Count > 0)
        {
            yield return new Finding(
                What,
                Verdict.Doubtful,
                $"nothing tells whether this kernel has {string.Join(", ", unknown.Select(one => one.Module))}: it has no directory in /lib/modules"
            );
        }
        else if (
            states.TrueForAll(one =>
                one.State is ModuleState.Present || one.State is ModuleState.Loadable && !areFixed
            )
        )
        {
            yield return new Finding(
                What,
                Verdict.Well,
                string.Join(", ", needed.Select(one => one.Module))
            );
        }
    }

    private static string Architecture =>
        System.Runtime.InteropServices.RuntimeInformation.OSArchitecture
        is System.Runtime.InteropServices.Architecture.Arm64
            ? "arm64"
            : "amd64";

    private static IEnumerable<(string Module, string For)> Of(HostIntent intent)
    {
        if (intent.Switch is { Userspace: false } @switch)
        {
            yield return ("openvswitch", "the switch forwards with");
            foreach (
                var type in @switch
                    .Ports.Where(port => port.Peer is not null)
                    .Select(port => port.Type)
                    .Distinct()
            )
            {
                // Open vSwitch has the kernel make a device of the tunnel's type (dpif-netlink-rtnl.c).
                var module = type switch
                {
                    "gre" => "ip_gre",
                    "ip6gre" => "ip6_gre",
                    _ => type,
                };
                yield return (module, $"{type} tunnels are made of");
            }
        }
        if (intent.Links.OfType<BridgeLinkIntent>().Any())
        {
            yield return ("bridge", "container bridges are made of");
        }
        if (intent.Links.OfType<VethIntent>().Any() || !intent.Attachments.IsEmpty)
        {
            yield return ("veth", "containers and bridges are connected by");
        }
        if (intent.Ipsec is { } ipsec)
        {
            yield return ("xfrm_user", "policies and keys are handed to the kernel by");
            foreach (
                var family in ipsec.Peers.Select(peer => peer.Address.AddressFamily).Distinct()
            )
            {
                yield return (
                    family is AddressFamily.InterNetworkV6 ? "esp6" : "esp4",
                    "packets are encrypted by"
                );
            }
        }
    }
}
