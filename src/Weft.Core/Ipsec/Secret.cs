using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Weft.Core.Ipsec;

/// <summary>
/// Bytes that nobody may see by accident: whatever prints one, as itself or as part of something larger, prints
/// <c>••••</c>, and a JSON writer finds no property in it. Only <see cref="Reveal"/> gives the bytes away.
/// </summary>
[DebuggerDisplay(Veil)]
public sealed class Secret : IEquatable<Secret>
{
    /// <summary>What stands wherever a secret would.</summary>
    public const string Veil = "••••";

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] bytes;

    private Secret(byte[] bytes) => this.bytes = bytes;

    /// <summary>The secret that the bytes are, of which it takes a copy.</summary>
    public static Secret Of(ReadOnlySpan<byte> bytes) => new(bytes.ToArray());

    /// <summary>The secret that a text is, in UTF-8.</summary>
    public static Secret OfText(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>The bytes, for whoever must have them; every call of it is a place to look at twice.</summary>
    public ReadOnlySpan<byte> Reveal() => bytes;

    /// <inheritdoc/>
    public bool Equals(Secret? other) =>
        other is not null && CryptographicOperations.FixedTimeEquals(bytes, other.bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Secret);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    /// <summary>Says that there is one.</summary>
    public override string ToString() => Veil;
}
