using Weft.Core.Observation;

namespace Weft.Core.Tests.Observation;

/// <summary>Whoever types what a message says has a service that is there, and no second strongSwan.</summary>
public sealed class HostServicesTests : IDisposable
{
    private const string Enabled = "etc/systemd/system/multi-user.target.wants";
    private const string Packaged = "usr/lib/systemd/system";

    private readonly string root = Directory.CreateTempSubdirectory("weft-test-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("", "install it (Debian: the package openvswitch-switch) and start it")]
    [InlineData(
        $"{Packaged}/openvswitch-switch",
        "start it with `systemctl start openvswitch-switch`"
    )]
    [InlineData("lib/systemd/system/openvswitch", "start it with `systemctl start openvswitch`")]
    [InlineData("etc/systemd/system/openvswitch", "start it with `systemctl start openvswitch`")]
    // What is left of a package that was removed.
    [InlineData(
        $"{Enabled}/openvswitch-switch {Packaged}/openvswitch",
        "start it with `systemctl start openvswitch`"
    )]
    public void Open_vSwitch_is_started_by_the_name_that_it_has(string units, string advice) =>
        Assert.Equal(advice, With(units).StartSwitch);

    [Theory]
    [InlineData("", "openvswitch-switch")]
    [InlineData($"{Packaged}/openvswitch", "openvswitch")]
    public void Open_vSwitch_is_looked_at_by_the_name_that_it_has(string units, string name) =>
        Assert.Equal(name, With(units).Switch);

    [Theory]
    [InlineData(
        "",
        "install it (Debian: the packages strongswan-charon, strongswan-swanctl and libstrongswan-standard-plugins, and then `systemctl restart strongswan-starter`)"
    )]
    [InlineData(
        $"{Packaged}/strongswan-starter",
        "see that it has its plugins (Debian: the packages strongswan-charon, strongswan-swanctl and libstrongswan-standard-plugins), and then `systemctl restart strongswan-starter`"
    )]
    [InlineData($"{Packaged}/strongswan", "restart it with `systemctl restart strongswan`")]
    [InlineData(
        $"{Packaged}/strongswan {Packaged}/strongswan-starter",
        "restart it with `systemctl restart strongswan`"
    )]
    // Of two that are there the one that is enabled is meant.
    [InlineData(
        $"{Packaged}/strongswan {Packaged}/strongswan-starter {Enabled}/strongswan-starter",
        "see that it has its plugins (Debian: the packages strongswan-charon, strongswan-swanctl and libstrongswan-standard-plugins), and then `systemctl restart strongswan-starter`"
    )]
    public void StrongSwan_gets_no_second_daemon(string units, string advice) =>
        Assert.Equal(advice, With(units).RestartStrongSwan);

    private HostServices With(string units)
    {
        foreach (var unit in units.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var path = Path.Combine(root, $"{unit}.service");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
        return new HostServices(root);
    }
}
