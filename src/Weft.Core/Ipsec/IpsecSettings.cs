namespace Weft.Core.Ipsec;

/// <summary>How the tunnels of an overlay are encrypted.</summary>
/// <param name="Credentials">How hosts prove their identity to one another.</param>
/// <param name="Manager">What negotiates the keys.</param>
public sealed record IpsecSettings(IpsecCredentials Credentials, IpsecManager Manager)
{
    /// <summary>The default of <see cref="RekeySeconds"/>.</summary>
    public const int DefaultRekeySeconds = 3600;

    /// <summary>How long a key encrypts packets before the next takes its place, in seconds.</summary>
    public int RekeySeconds { get; init; } = DefaultRekeySeconds;
}

/// <summary>The program that negotiates keys with other hosts and installs them in the kernel.</summary>
public enum IpsecManager
{
    /// <summary>strongSwan, controlled by Weft itself.</summary>
    StrongSwan,

    /// <summary>ovs-monitor-ipsec of Debian's openvswitch-ipsec, which reads Open vSwitch's database.</summary>
    OpenVSwitch,
}

/// <summary>The names of managers.</summary>
public static class IpsecManagers
{
    extension(IpsecManager manager)
    {
        /// <summary>The manager's name in the overlay file.</summary>
        public string Word =>
            manager is IpsecManager.OpenVSwitch ? "openvswitch-ipsec" : "strongswan";
    }
}

/// <summary>How hosts prove their identity to one another: with a key that all share, or with certificates.</summary>
public abstract record IpsecCredentials
{
    /// <summary>The credentials of one host, since one overlay file serves all hosts.</summary>
    public virtual IpsecCredentials For(string host) => this;
}

/// <summary>A key that all hosts share (RFC 7296 section 2.15), by its source.</summary>
public abstract record SharedKey : IpsecCredentials;

/// <summary>A key written in the overlay file.</summary>
public sealed record InlineKey(Secret Key) : SharedKey;

/// <summary>A key that is the content of a file on the host.</summary>
/// <param name="Path">The file's absolute path.</param>
public sealed record KeyFile(string Path) : SharedKey;

/// <summary>A key that is the value of a variable in Weft's environment.</summary>
/// <param name="Name">The variable's name.</param>
public sealed record KeyVariable(string Name) : SharedKey;

/// <summary>The files on a host that hold its certificate and the authority it trusts, by absolute path.</summary>
/// <param name="Authority">The certificate of the authority that issued all hosts' certificates.</param>
/// <param name="Certificate">The host's own certificate.</param>
/// <param name="Key">The private key of the host's certificate.</param>
public sealed record CertificateFiles(string Authority, string Certificate, string Key)
    : IpsecCredentials
{
    /// <summary>The placeholder for the host's name in a path; one overlay file serves all hosts.</summary>
    public const string HostWord = "HOST";

    /// <summary>The default paths.</summary>
    public static CertificateFiles Default { get; } =
        new(
            "/etc/weft/pki/ca.pem",
            $"/etc/weft/pki/{HostWord}.pem",
            $"/etc/weft/pki/{HostWord}.key"
        );

    /// <summary>The paths for one host.</summary>
    public override CertificateFiles For(string host) =>
        new(
            Authority.Replace(HostWord, host, StringComparison.Ordinal),
            Certificate.Replace(HostWord, host, StringComparison.Ordinal),
            Key.Replace(HostWord, host, StringComparison.Ordinal)
        );
}
