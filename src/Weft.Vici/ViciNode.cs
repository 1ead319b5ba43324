namespace Weft.Vici;

/// <summary>What a message is made of: a <see cref="ViciValue"/>, a <see cref="ViciList"/> or a section, which is a <see cref="ViciMessage"/>.</summary>
public abstract class ViciNode
{
    private protected ViciNode() { }

    /// <summary>How many sections there are inside one another, this one included.</summary>
    internal virtual int Depth => 0;

    /// <summary>A value of text.</summary>
    /// <param name="text">The text; null for no value at all.</param>
    public static implicit operator ViciNode?(string? text) =>
        text is null ? null : new ViciValue(text);

    /// <summary>A value of a number, which VICI writes in decimal digits.</summary>
    /// <param name="number">The number.</param>
    public static implicit operator ViciNode(long number) => new ViciValue(number);

    /// <summary>A value of <c>yes</c> or <c>no</c>.</summary>
    /// <param name="flag">Which.</param>
    public static implicit operator ViciNode(bool flag) => new ViciValue(flag);

    /// <summary>Writes the node in its wire format, as what bears this name in a section.</summary>
    internal abstract void Write(string name, MessageWriter writer);
}
