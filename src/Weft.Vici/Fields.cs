using System.Collections.Immutable;
using System.Globalization;

namespace Weft.Vici;

/// <summary>Reads fields of a section, required and optional ones.</summary>
internal static class Fields
{
    public static string Required(this ViciMessage section, string name) =>
        section.Text(name) ?? throw Missing(name);

    public static long RequiredNumber(this ViciMessage section, string name) =>
        section.Number(name) ?? throw Missing(name);

    public static ViciMessage RequiredSection(this ViciMessage section, string name) =>
        section.Section(name) ?? throw Missing(name);

    public static ImmutableArray<string> Texts(this ViciMessage section, string name) =>
        section.List(name)?.ToTexts() ?? [];

    /// <summary>
    /// Reads a time in whole seconds. It may be negative: something overdue is done at the next opportunity, and a use a moment
    /// ago lies in the future by a clock that was set back, or that reads its second after the daemon does. The daemon writes
    /// such a use unsigned, with 2^64 added (vici_query.c, <c>use-in</c>).
    /// </summary>
    public static TimeSpan? Seconds(this ViciMessage section, string name) =>
        (
            ulong.TryParse(
                section.Text(name),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var unsigned
            )
                ? unchecked((long)unsigned)
                : section.Number(name)
        ) switch
        {
            null => null,
            // Ten thousand years, far less than a TimeSpan can hold.
            { } seconds and > -315_576_000_000 and < 315_576_000_000 => TimeSpan.FromSeconds(
                seconds
            ),
            { } seconds => throw new ViciProtocolException(
                $"'{name}' should be a time in seconds, and is {seconds}"
            ),
        };

    /// <summary>Reads a number in hexadecimal digits, such as an SPI.</summary>
    public static ulong? Hexadecimal(this ViciMessage section, string name) =>
        section.Text(name) is not { } text ? null
        : ulong.TryParse(
            text,
            NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture,
            out var number
        )
            ? number
        : throw new ViciProtocolException(
            $"'{name}' should be hexadecimal, and is '{section.Value(name)}'"
        );

    /// <summary>Gets the one section of an event, which has the name of its subject.</summary>
    public static KeyValuePair<string, ViciMessage> Only(this ViciMessage message)
    {
        using var sections = message.Sections.GetEnumerator();
        return sections.MoveNext()
            ? sections.Current
            : throw new ViciProtocolException("the message should have a section, and has none");
    }

    private static ViciProtocolException Missing(string name) =>
        new($"the message should have '{name}', and has not");
}
