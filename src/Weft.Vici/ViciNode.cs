namespace Weft.Vici;

/// <summary>
/// An element of a message: a <see cref="ViciValue"/>, a <see cref="ViciList"/> or a section, which is a <see
/// cref="ViciMessage"/>.
/// </summary>
public abstract class ViciNode
{
    private protected ViciNode() { }

    /// <summary>The number of nested sections, this one included.</summary>
    internal virtual int Depth => 0;

    /// <summary>Converts text to a value.</summary>
    /// <param name="text">The text; null for no value.</param>
    public static implicit operator ViciNode?(string? text) =>
        text is null ? null : new ViciValue(text);

    /// <summary>Converts a number to a value, which VICI writes in decimal digits.</summary>
    /// <param name="number">The number.</param>
    public static implicit operator ViciNode(long number) => new ViciValue(number);

    /// <summary>Converts a boolean to the value <c>yes</c> or <c>no</c>.</summary>
    /// <param name="flag">The boolean.</param>
    public static implicit operator ViciNode(bool flag) => new ViciValue(flag);

    /// <summary>Writes the node in its wire format, as the element of this name in a section.</summary>
    internal abstract void Write(string name, MessageWriter writer);
}
