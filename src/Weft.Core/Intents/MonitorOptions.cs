using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Weft.Core.Ipsec;

namespace Weft.Core.Intents;

/// <summary>
/// What ovs-monitor-ipsec reads from Open vSwitch's database (ovs-vswitchd.conf.db(5), and the script itself, version 3.1):
/// options of a tunnel's interface, and global settings of Open vSwitch.
/// </summary>
public static class MonitorOptions
{
    /// <summary>The option with the shared key. It is kept apart from the others, as a <see cref="Secret"/>.</summary>
    public const string Key = "psk";

    /// <summary>The option with the name in the other host's certificate.</summary>
    public const string RemoteName = "remote_name";

    /// <summary>The option with the other host's certificate itself, which Weft does not use.</summary>
    public const string RemoteCertificate = "remote_cert";

    /// <summary>
    /// The option, in seconds, whose value tells connections with different credentials apart: strongSwan reports of a loaded
    /// connection little more than the time after which its IKE SA is rekeyed.
    /// </summary>
    public const string Lifetime = "ipsec_ikelifetime";

    // Four hours, plus the margin that strongSwan subtracts (margintime in ipsec.conf(5)), as it rekeys before the end.
    private const int LeastSeconds = 4 * 3600;
    private const int MarginSeconds = 9 * 60;
    private const int Kinds = 4096;

    /// <summary>The global settings of Open vSwitch for the files of a host's certificate.</summary>
    public static ImmutableArray<string> CertificateSettings { get; } =
    ["ca_cert", "certificate", "private_key"];

    /// <summary>
    /// The options of every connection. ovs-monitor-ipsec copies options that begin with <c>ipsec_</c> into /etc/ipsec.conf
    /// (ipsec.conf(5)).
    /// </summary>
    /// <param name="local">
    /// The address that this host sends from; without it, strongSwan takes the source address of the route.
    /// </param>
    public static ImmutableSortedDictionary<string, string> Connection(IPAddress local) =>
        ImmutableSortedDictionary<string, string>
            .Empty.Add("ipsec_left", local.ToString())
            // Rekeys the IKE SA without ending the old one first; by default strongSwan ends it every few hours.
            .Add("ipsec_reauth", "no")
            // MOBIKE would move the connection to another address of this host, some of which are behind the tunnel itself.
            .Add("ipsec_mobike", "no")
            // If the other host lost the association, negotiate anew instead of sending into the void until it expires.
            .Add("ipsec_dpdaction", "hold")
            .Add("ipsec_dpddelay", "10s");

    /// <summary>The settings for the files of a host's certificate.</summary>
    public static ImmutableSortedDictionary<string, string> Settings(CertificateFiles files) =>
        ImmutableSortedDictionary<string, string>
            .Empty.Add("ca_cert", files.Authority)
            .Add("certificate", files.Certificate)
            .Add("private_key", files.Key);

    /// <summary>The value of <see cref="Lifetime"/> for a number that stands for certain credentials.</summary>
    public static string LifetimeOf(int number) =>
        $"{LeastSeconds + MarginSeconds + (number % Kinds)}s";

    /// <summary>
    /// The time after which strongSwan rekeys the IKE SA, for a value of <see cref="Lifetime"/>; null if it is no number.
    /// </summary>
    public static TimeSpan? RekeyTimeOf(string? lifetime) =>
        int.TryParse(lifetime?.TrimEnd('s'), NumberStyles.None, null, out var seconds)
            ? TimeSpan.FromSeconds(seconds - MarginSeconds)
            : null;
}
