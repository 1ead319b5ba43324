namespace Weft.Core.Ipsec;

/// <summary>How the tunnels of an overlay are encrypted.</summary>
/// <param name="Credentials">What hosts prove to one another who they are with.</param>
/// <param name="Manager">What negotiates the keys.</param>
public sealed record IpsecSettings(IpsecCredentials Credentials, IpsecManager Manager)
{
    /// <summary>How long packets are encrypted by one key unless the overlay file says otherwise, in seconds.</summary>
    public const int DefaultRekeySeconds = 3600;

    /// <summary>How long packets are encrypted by one key before the next takes its place, in seconds.</summary>
    public int RekeySeconds { get; init; } = DefaultRekeySeconds;
}

/// <summary>What negotiates keys with other hosts and puts them into the kernel.</summary>
public enum IpsecManager
{
    /// <summary>strongSwan, which Weft speaks to itself.</summary>
    StrongSwan,

    /// <summary>ovs-monitor-ipsec of Debian's openvswitch-ipsec, which reads Open vSwitch's database.</summary>
    OpenVSwitch,
}

/// <summary>What managers are called.</summary>
public static class IpsecManagers
{
    extension(IpsecManager manager)
    {
        /// <summary>The manager's name in the overlay file.</summary>
        public string Word =>
            manager is IpsecManager.OpenVSwitch ? "openvswitch-ipsec" : "strongswan";
    }
}

/// <summary>What hosts prove to one another who they are with: a key that all share, or certificates.</summary>
public abstract record IpsecCredentials
{
    /// <summary>Those of one host, since one overlay file serves all.</summary>
    public virtual IpsecCredentials For(string host) => this;
}

/// <summary>A key that all hosts share (RFC 7296 section 2.15), by where it comes from.</summary>
public abstract record SharedKey : IpsecCredentials;

/// <summary>The key stands in the overlay file.</summary>
public sealed record InlineKey(Secret Key) : SharedKey;

/// <summary>The key is what a file on the host holds.</summary>
/// <param name="Path">The file's absolute path.</param>
public sealed record KeyFile(string Path) : SharedKey;

/// <summary>The key is the value of a variable in the environment that Weft runs in.</summary>
/// <param name="Name">The variable's name.</param>
public sealed record KeyVariable(string Name) : SharedKey;

/// <summary>The files on a host that hold its certificate and what it trusts, by absolute path.</summary>
/// <param name="Authority">The certificate of the authority that issued those of all hosts.</param>
/// <param name="Certificate">The host's own certificate.</param>
/// <param name="Key">The private key to it.</param>
public sealed record CertificateFiles(string Authority, string Certificate, string Key)
    : IpsecCredentials
{
    /// <summary>What stands for the host's name in a path, since one overlay file serves all hosts.</summary>
    public const string HostWord = "HOST";

    /// <summary>Where the files are unless the overlay file says otherwise.</summary>
    public static CertificateFiles Default { get; } =
        new(
            "/etc/weft/pki/ca.pem",
            $"/etc/weft/pki/{HostWord}.pem",
            $"/etc/weft/pki/{HostWord}.key"
        );

    /// <inheritdoc/>
    public override CertificateFiles For(string host) =>
        new(
            Authority.Replace(HostWord, host, StringComparison.Ordinal),
            Certificate.Replace(HostWord, host, StringComparison.Ordinal),
            Key.Replace(HostWord, host, StringComparison.Ordinal)
        );
}
