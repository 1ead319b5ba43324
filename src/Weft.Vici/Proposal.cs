namespace Weft.Vici;

/// <summary>
/// The negotiated algorithms of an association, by strongSwan's names, such as <c>AES_GCM_16</c>; key sizes are in bits. An
/// algorithm is null if there is none: an authenticated cipher has no integrity algorithm.
/// </summary>
/// <param name="Encryption">The encryption algorithm.</param>
/// <param name="EncryptionKeySize">The size of its key, if that is variable.</param>
/// <param name="Integrity">The integrity algorithm.</param>
/// <param name="IntegrityKeySize">The size of its key, if that is variable.</param>
/// <param name="PseudoRandomFunction">The pseudo-random function; for IKE SAs only.</param>
/// <param name="KeyExchange">
/// The Diffie-Hellman group, such as <c>ECP_256</c>; for a CHILD SA only after it was rekeyed with PFS.
/// </param>
public sealed record Proposal(
    string? Encryption,
    int? EncryptionKeySize,
    string? Integrity,
    int? IntegrityKeySize,
    string? PseudoRandomFunction,
    string? KeyExchange
)
{
    /// <summary>
    /// The names with their key sizes, as swanctl prints them: <c>AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_256</c>.
    /// </summary>
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
