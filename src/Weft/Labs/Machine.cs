using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>Checks whether this machine has what a lab needs.</summary>
internal static class Machine
{
    private static readonly Dictionary<string, string> OpenVSwitchPrograms = new()
    {
        ["ovs-vsctl"] = "openvswitch-switch",
        ["ovs-vswitchd"] = "openvswitch-switch",
        ["ovsdb-server"] = "openvswitch-switch",
        ["ovsdb-tool"] = "openvswitch-common",
    };

    private static readonly Dictionary<string, string> StrongSwanPrograms = new()
    {
        ["/usr/lib/ipsec/charon"] = "strongswan-charon",
        ["/usr/lib/ipsec/plugins/libstrongswan-openssl.so"] = "libstrongswan-standard-plugins",
        ["/usr/lib/ipsec/plugins/libstrongswan-vici.so"] = "strongswan-swanctl",
    };

    private static readonly Dictionary<string, string> MonitorPrograms = new()
    {
        ["/usr/share/openvswitch/scripts/ovs-monitor-ipsec"] = "openvswitch-ipsec",
    };

    /// <summary>Refuses a machine on which no lab can be made.</summary>
    /// <param name="isolation">What the hosts are made of.</param>
    /// <param name="overlay">What the lab is for, where that is known.</param>
    /// <param name="engines">Whether containers are made by their own engines.</param>
    /// <exception cref="LabException">The user is not root, programs are missing, or no lab can be made of the overlay anywhere.</exception>
    public static void Check(IIsolation isolation, Overlay? overlay = null, bool engines = false)
    {
        RequireRoot();
        if (engines && isolation is not NamespaceIsolation)
        {
            throw new LabException(
                "engines run in hosts that are made of namespaces: leave out --engines, or --isolation uml"
            );
        }
        KeyValuePair<string, string>[] translation = [];
        if (overlay?.Hosts.Any(host => host.Local is not null) == true)
        {
            Router.Check(overlay);
            translation = [Router.Program];
        }
        var manager = overlay?.Tunnels.Ipsec?.Manager;
        string[] packages =
        [
            .. isolation
                .Programs.Concat(OpenVSwitchPrograms)
                .Concat(manager is null ? [] : StrongSwanPrograms)
                .Concat(manager is IpsecManager.OpenVSwitch ? MonitorPrograms : [])
                .Concat(translation)
                .Concat(
                    engines
                        ? overlay!
                            .Containers.Select(container => container.Engine)
                            .Distinct()
                            .SelectMany(LabEngines.ProgramsOf)
                        : []
                )
                .Where(program => Tool.Find(program.Key) is null)
                .Select(program => program.Value)
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];
        if (packages.Length > 0)
        {
            // A name in apt-get's command that it does not know keeps it from installing any of the others.
            var instead = packages.Contains(UmlIsolation.Package)
                ? $" (Ubuntu has no {UmlIsolation.Package}: give its own kernel the module openvswitch, which some have in linux-modules-extra-$(uname -r))"
                : "";
            throw new LabException(
                $"this machine lacks programs that a lab is made with: apt-get install {string.Join(' ', packages)}{instead}"
            );
        }
    }

    /// <summary>Refuses everyone but root.</summary>
    /// <exception cref="LabException">The user is not root.</exception>
    public static void RequireRoot()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new LabException(
                "a lab is made of namespaces, which takes root's rights: run it with sudo"
            );
        }
    }

    /// <summary>The datapath that the hosts of a lab will use.</summary>
    /// <param name="forced">What the user has asked for.</param>
    /// <param name="overlay">What the overlay file asks for.</param>
    /// <param name="isolation">What the hosts are made of.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="LabException">The kernel's was asked for and the kernel has none.</exception>
    public static async Task<Datapath> ChooseDatapathAsync(
        Datapath? forced,
        DatapathChoice overlay,
        IIsolation isolation,
        CancellationToken cancellationToken
    )
    {
        var wanted =
            forced
            ?? overlay switch
            {
                DatapathChoice.Kernel => Datapath.Kernel,
                DatapathChoice.Userspace => Datapath.Userspace,
                _ => null,
            };
        if (wanted is Datapath.Userspace)
        {
            return Datapath.Userspace;
        }
        // The kernel could also load the module when a new namespace first needs it, but not on every machine.
        var loaded =
            isolation.HasKernelDatapath == true
            || Directory.Exists("/sys/module/openvswitch")
            || Tool.Find("modprobe") is { } modprobe
                && (
                    await Tool.RunAsync(
                        [modprobe, "openvswitch"],
                        cancellationToken: cancellationToken
                    )
                ).ExitCode == 0;
        if (!loaded && wanted is Datapath.Kernel)
        {
            throw new LabException(
                "the kernel datapath was asked for, and this machine's kernel has no module 'openvswitch': leave out --kernel, or set 'datapath' in the overlay file to auto"
            );
        }
        return loaded ? Datapath.Kernel : Datapath.Userspace;
    }
}
