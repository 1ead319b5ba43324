using System.Globalization;
using System.Text;

namespace Weft.Vici;

/// <summary>
/// A value: bytes, of which the protocol says no more (strongSwan, src/libcharon/plugins/vici/README.md, Message
/// format). Nearly all are text; numbers are text too.
/// </summary>
public sealed class ViciValue : ViciNode, IEquatable<ViciValue>
{
    /// <summary>The length of the longest value, in bytes.</summary>
    public const int MaxLength = ushort.MaxValue;

    /// <summary>A value of bytes, which must not be changed after.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="ArgumentException">There are more than <see cref="MaxLength"/>.</exception>
    public ViciValue(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > MaxLength)
        {
            throw new ArgumentException(
                $"A value has at most {MaxLength} bytes, and this one has {bytes.Length}.",
                nameof(bytes)
            );
        }

        Bytes = bytes;
    }

    /// <summary>A value of text, in UTF-8.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="ArgumentException">It has more than <see cref="MaxLength"/> bytes.</exception>
    public ViciValue(string text)
        : this(Encoding.UTF8.GetBytes(text)) { }

    /// <summary>A value of a number, in decimal digits.</summary>
    /// <param name="number">The number.</param>
    public ViciValue(long number)
        : this(number.ToString(CultureInfo.InvariantCulture)) { }

    /// <summary>A value of <c>yes</c> or <c>no</c>.</summary>
    /// <param name="flag">Which.</param>
    public ViciValue(bool flag)
        : this(flag ? "yes" : "no") { }

    private ViciValue(ReadOnlyMemory<byte> bytes, bool isSecret)
    {
        Bytes = bytes;
        IsSecret = isSecret;
    }

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Is it a secret, shown as dots? Only what the caller made can be: nothing that is received is marked.</summary>
    public bool IsSecret { get; }

    /// <summary>The bytes as UTF-8; those that are none become U+FFFD.</summary>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>A value of text.</summary>
    /// <param name="text">The text.</param>
    public static implicit operator ViciValue(string text) => new(text);

    /// <summary>A value of text that is never shown.</summary>
    /// <param name="text">The secret.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">It has more than <see cref="MaxLength"/> bytes.</exception>
    public static ViciValue Secret(string text) => new ViciValue(text).AsSecret();

    /// <summary>A value of bytes that are never shown.</summary>
    /// <param name="bytes">The secret, which must not be changed after.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">There are more than <see cref="MaxLength"/>.</exception>
    public static ViciValue Secret(ReadOnlyMemory<byte> bytes) => new ViciValue(bytes).AsSecret();

    /// <summary>The same value, never to be shown.</summary>
    /// <returns>The value.</returns>
    public ViciValue AsSecret() => new(Bytes, isSecret: true);

    /// <summary>Has the other the same bytes?</summary>
    /// <param name="other">The other.</param>
    /// <returns>Whether it has.</returns>
    public bool Equals(ViciValue? other) =>
        other is not null && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ViciValue);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Bytes.Span);
        return hash.ToHashCode();
    }

    /// <summary>The text as swanctl's <c>--raw</c> shows it: in hexadecimal unless all of it is printable ASCII; dots for a secret.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        IsSecret ? "••••"
        : Bytes.Span.ContainsAnyExceptInRange((byte)' ', (byte)'~')
            ? $"0x{Convert.ToHexStringLower(Bytes.Span)}"
        : Text;

    internal override void Write(string name, MessageWriter writer) =>
        writer.KeyValue(name, Bytes.Span);
}
