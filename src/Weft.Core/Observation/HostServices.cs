namespace Weft.Core.Observation;

/// <summary>The names of the services that Weft needs, in which distributions differ, and what to do when they are down.</summary>
/// <param name="root">The directory that is the host's root.</param>
internal sealed class HostServices(string root)
{
    private const string Administrators = "etc/systemd/system";

    private const string StrongSwanPackages =
        "Debian: the packages strongswan-charon, strongswan-swanctl and libstrongswan-standard-plugins";

    // systemd.unit(5); /lib where that is a directory of its own.
    private static readonly string[] Directories =
    [
        Administrators,
        "usr/lib/systemd/system",
        "lib/systemd/system",
    ];

    /// <summary>This host's.</summary>
    public static HostServices Here { get; } = new("/");

    /// <summary>What Open vSwitch's is called.</summary>
    public string Switch => KnownSwitch ?? "openvswitch-switch";

    /// <summary>What to do where Open vSwitch does not run.</summary>
    public string StartSwitch =>
        KnownSwitch is { } service
            ? $"start it with `systemctl start {service}`"
            : "install it (Debian: the package openvswitch-switch) and start it";

    /// <summary>
    /// What to do where strongSwan does not answer. If a daemon is installed it is that one: a second would take its ports.
    /// </summary>
    public string RestartStrongSwan =>
        // Fedora's package has both.
        Find("strongswan", "strongswan-starter") switch
        {
            // Debian starts it before its plugins are configured: it then ends, or goes on without the one for VICI.
            "strongswan-starter" =>
                $"see that it has its plugins ({StrongSwanPackages}), and then `systemctl restart strongswan-starter`",
            { } service => $"restart it with `systemctl restart {service}`",
            null =>
                $"install it ({StrongSwanPackages}, and then `systemctl restart strongswan-starter`)",
        };

    private string? KnownSwitch => Find("openvswitch-switch", "openvswitch");

    /// <summary>The name by which a service is installed, the enabled one if there are several; null if it is not.</summary>
    private string? Find(params string[] names)
    {
        // The link that enables a service outlives its package.
        var known = Array.FindAll(
            names,
            name => Directories.Any(directory => IsIn(directory, name))
        );
        return Array.Find(known, name => IsIn($"{Administrators}/multi-user.target.wants", name))
            ?? known.FirstOrDefault();
    }

    private bool IsIn(string directory, string name) =>
        File.Exists(Path.Combine(root, directory, $"{name}.service"));
}
