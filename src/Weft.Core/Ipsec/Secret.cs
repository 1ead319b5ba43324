using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Weft.Core.Ipsec;

/// <summary>
/// Bytes that nobody may see by accident. Wherever a secret is printed, alone or as part of something larger, <c>••••</c>
/// appears, and a JSON writer finds no property in it. Only <see cref="Reveal"/> returns the bytes.
/// </summary>
[DebuggerDisplay(Veil)]
public sealed class Secret : IEquatable<Secret>
{
    /// <summary>The text printed in place of a secret.</summary>
    public const string Veil = "••••";

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] bytes;

    private Secret(byte[] bytes) => this.bytes = bytes;

    /// <summary>Makes a secret of a copy of the bytes.</summary>
    public static Secret Of(ReadOnlySpan<byte> bytes) => new(bytes.ToArray());

    /// <summary>Makes a secret of a text, in UTF-8.</summary>
    public static Secret OfText(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>The bytes, for code that really needs them; every call deserves a second look.</summary>
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

    /// <summary>Returns <see cref="Veil"/>.</summary>
    public override string ToString() => Veil;
}
