using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Weft.Core.Overlays;

namespace Weft.Core.Pki;

/// <summary>The names and addresses of a host in its certificate.</summary>
/// <param name="Organization">The overlay's name, the subject's organization.</param>
/// <param name="Host">The host's name: the subject's common name, and a DNS name.</param>
/// <param name="Addresses">The addresses by which the host is reached.</param>
public sealed record CertificateNames(
    string Organization,
    string Host,
    ImmutableArray<IPAddress> Addresses
)
{
    /// <summary>The names of an overlay's host.</summary>
    /// <exception cref="HostException">The host has the same name as the authority's files.</exception>
    public static CertificateNames Of(Overlay overlay, Host host) =>
        host.Name == PkiDirectory.Authority
            ? throw new HostException(
                $"host '{host.Name}' cannot have its certificate in {PkiDirectory.Authority}.pem, which is the authority's: give the host another name"
            )
            : new CertificateNames(
                overlay.Name,
                host.Name,
                host.Local is { } local ? [host.Address, local] : [host.Address]
            );

    /// <summary>
    /// The subject. The common name is encoded last, and so printed first by RFC 2253: ovs-monitor-ipsec finds it only where that
    /// text has <c>CN=…,</c> with something after it.
    /// </summary>
    internal X500DistinguishedName Subject
    {
        get
        {
            var builder = new X500DistinguishedNameBuilder();
            builder.AddCommonName(Host);
            builder.AddOrganizationName(Organization);
            return builder.Build();
        }
    }

    /// <summary>
    /// The names that IKE identities are compared with (RFC 4945, section 5.1.3): the host's name and addresses.
    /// </summary>
    internal X509Extension AlternativeNames
    {
        get
        {
            var builder = new SubjectAlternativeNameBuilder();
            builder.AddDnsName(Host);
            foreach (var address in Addresses)
            {
                builder.AddIpAddress(address);
            }
            return builder.Build();
        }
    }
}
