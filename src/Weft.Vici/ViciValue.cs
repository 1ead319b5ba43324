using System.Globalization;
using System.Text;

namespace Weft.Vici;

/// <summary>
/// A value: bytes without a defined type (strongSwan, src/libcharon/plugins/vici/README.md, Message format). Nearly all values
/// are text, including numbers.
/// </summary>
public sealed class ViciValue : ViciNode, IEquatable<ViciValue>
{
    /// <summary>The maximum length of a value in bytes.</summary>
    public const int MaxLength = ushort.MaxValue;

    /// <summary>Creates a value of bytes, which must not be changed after that.</summary>
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

    /// <summary>Creates a value of text, in UTF-8.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="ArgumentException">It has more than <see cref="MaxLength"/> bytes.</exception>
    public ViciValue(string text)
        : this(Encoding.UTF8.GetBytes(text)) { }

    /// <summary>Creates a value of a number, in decimal digits.</summary>
    /// <param name="number">The number.</param>
    public ViciValue(long number)
        : this(number.ToString(CultureInfo.InvariantCulture)) { }

    /// <summary>Creates the value <c>yes</c> or <c>no</c>.</summary>
    /// <param name="flag">The boolean.</param>
    public ViciValue(bool flag)
        : this(flag ? "yes" : "no") { }

    private ViciValue(ReadOnlyMemory<byte> bytes, bool isSecret)
    {
        Bytes = bytes;
        IsSecret = isSecret;
    }

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>
    /// Whether it is a secret, printed as dots. Only values created by the caller can be; received ones are not marked.
    /// </summary>
    public bool IsSecret { get; }

    /// <summary>The bytes as UTF-8; invalid ones become U+FFFD.</summary>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>Converts text to a value.</summary>
    /// <param name="text">The text.</param>
    public static implicit operator ViciValue(string text) => new(text);

    /// <summary>Creates a value of text that is never printed.</summary>
    /// <param name="text">The secret.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">It has more than <see cref="MaxLength"/> bytes.</exception>
    public static ViciValue Secret(string text) => new ViciValue(text).AsSecret();

    /// <summary>Creates a value of bytes that is never printed.</summary>
    /// <param name="bytes">The secret, which must not be changed after that.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">There are more than <see cref="MaxLength"/>.</exception>
    public static ViciValue Secret(ReadOnlyMemory<byte> bytes) => new ViciValue(bytes).AsSecret();

    /// <summary>The same value, marked as secret.</summary>
    /// <returns>The value.</returns>
    public ViciValue AsSecret() => new(Bytes, isSecret: true);

    /// <summary>Whether the other value has the same bytes.</summary>
    /// <param name="other">The other value.</param>
    /// <returns>Whether it does.</returns>
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

    /// <summary>
    /// The text as swanctl's <c>--raw</c> prints it: in hexadecimal unless all of it is printable ASCII; dots for a secret.
    /// </summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        IsSecret ? "••••"
        : Bytes.Span.ContainsAnyExceptInRange((byte)' ', (byte)'~')
            ? $"0x{Convert.ToHexStringLower(Bytes.Span)}"
        : Text;

    internal override void Write(string name, MessageWriter writer) =>
        writer.KeyValue(name, Bytes.Span);
}
