namespace Weft.Core.Pki;

/// <summary>The kinds of key for certificates.</summary>
public enum KeyKind
{
    /// <summary>ECDSA over NIST P-256 (FIPS 186-5), signed with SHA-256.</summary>
    P256,

    /// <summary>ECDSA over NIST P-384, signed with SHA-384.</summary>
    P384,

    /// <summary>
    /// RSA of 3072 bits, as strong as P-256. For hosts that use ovs-monitor-ipsec with strongSwan: it writes every key into
    /// ipsec.secrets(5) as <c>RSA</c>, for which strongSwan accepts no other kind.
    /// </summary>
    Rsa3072,
}
