using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Weft.Core.Ipsec;

namespace Weft.Core.Intents;

/// <summary>
/// What ovs-monitor-ipsec reads of Open vSwitch's database (ovs-vswitchd.conf.db(5); the script itself, version 3.1):
/// options of a tunnel's interface, and settings of the whole of Open vSwitch.
/// </summary>
public static class MonitorOptions
{
    /// <summary>The option that holds the shared key. It is kept apart from the others, as a <see cref="Secret"/>.</summary>
    public const string Key = "psk";

    /// <summary>The option that says who the other host's certificate must be for.</summary>
    public const string RemoteName = "remote_name";

    /// <summary>The option that names the other host's certificate itself, which Weft does not use.</summary>
    public const string RemoteCertificate = "remote_cert";

    /// <summary>
    /// The option, in seconds, by which connections that hosts prove themselves for by different means are told apart:
    /// strongSwan tells of a connection that is loaded after how long its IKE SA gets new keys, and little else.
    /// </summary>
    public const string Lifetime = "ipsec_ikelifetime";

    // Four hours, and what strongSwan takes off (margintime in ipsec.conf(5)), since it rekeys before the end.
    private const int LeastSeconds = 4 * 3600;
    private const int MarginSeconds = 9 * 60;
    private const int Kinds = 4096;

    /// <summary>The settings of the whole of Open vSwitch: the files that a host proves with certificates who it is.</summary>
    public static ImmutableArray<string> CertificateSettings { get; } =
    ["ca_cert", "certificate", "private_key"];

    /// <summary>
    /// What is said of every connection to strongSwan. ovs-monitor-ipsec copies options that begin with
    /// <c>ipsec_</c> into /etc/ipsec.conf (ipsec.conf(5)).
    /// </summary>
    /// <param name="local">The address that this host sends from; strongSwan would take the one that the route names.</param>
    public static ImmutableSortedDictionary<string, string> Connection(IPAddress local) =>
        ImmutableSortedDictionary<string, string>
            .Empty.Add("ipsec_left", local.ToString())
            // New keys for the IKE SA without ending the old one first, which strongSwan would do for hours-old ones.
            .Add("ipsec_reauth", "no")
            // Other addresses of this host are none to move to: some are behind the tunnel itself.
            .Add("ipsec_mobike", "no")
            // What the other host has lost is negotiated anew, and not sent into the void until it expires.
            .Add("ipsec_dpdaction", "hold")
            .Add("ipsec_dpddelay", "10s");

    /// <summary>The settings for the files of a host's certificate.</summary>
    public static ImmutableSortedDictionary<string, string> Settings(CertificateFiles files) =>
        ImmutableSortedDictionary<string, string>
            .Empty.Add("ca_cert", files.Authority)
            .Add("certificate", files.Certificate)
            .Add("private_key", files.Key);

    /// <summary>The value of <see cref="Lifetime"/> for a number that tells means of proof apart.</summary>
    public static string LifetimeOf(int number) =>
        $"{LeastSeconds + MarginSeconds + (number % Kinds)}s";

    /// <summary>After what time strongSwan gives the IKE SA new keys, for a value of <see cref="Lifetime"/>; null if it is none.</summary>
    public static TimeSpan? RekeyTimeOf(string? lifetime) =>
        int.TryParse(lifetime?.TrimEnd('s'), NumberStyles.None, null, out var seconds)
            ? TimeSpan.FromSeconds(seconds - MarginSeconds)
            : null;
}
