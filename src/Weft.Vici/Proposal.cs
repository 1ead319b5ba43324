namespace Weft.Vici;

/// <summary>
/// The algorithms that an association negotiated, by strongSwan's names for them, such as <c>AES_GCM_16</c>; key sizes in
/// bits. Null where there is none, as an authenticated cipher has no integrity algorithm.
/// </summary>
/// <param name="Encryption">The encryption algorithm.</param>
/// <param name="EncryptionKeySize">The size of its key, where it can vary.</param>
/// <param name="Integrity">The integrity algorithm.</param>
/// <param name="IntegrityKeySize">The size of its key, where it can vary.</param>
/// <param name="PseudoRandomFunction">The pseudo-random function; of an IKE SA only.</param>
/// <param name="KeyExchange">The Diffie-Hellman group, such as <c>ECP_256</c>; of a CHILD SA only once it was rekeyed with PFS.</param>
public sealed record Proposal(
    string? Encryption,
    int? EncryptionKeySize,
    string? Integrity,
    int? IntegrityKeySize,
    string? PseudoRandomFunction,
    string? KeyExchange
)
{
    /// <summary>The names with their key sizes, such as <c>AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_256</c>, as swanctl shows them.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        string.Join(
            '/',
            new[]
            {
                EncryptionKeySize is { } e ? $"{Encryption}-{e}" : Encryption,
                IntegrityKeySize is { } i ? $"{Integrity}-{i}" : Integrity,
                PseudoRandomFunction,
                KeyExchange,
            }.OfType<string>()
        );

    internal static Proposal FromSection(ViciMessage section) =>
        new(
            section.Text("encr-alg"),
            (int?)section.Number("encr-keysize"),
            section.Text("integ-alg"),
            (int?)section.Number("integ-keysize"),
            section.Text("prf-alg"),
            section.Text("dh-group")
        );
}
