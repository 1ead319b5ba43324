using System.Collections.Immutable;
using System.Globalization;

namespace Weft.Vici;

/// <summary>What the records read out of a section: a field that must be there, and those that need not be.</summary>
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
    /// A time in whole seconds. It may be negative: what is due is done at the next chance; and what was used a moment ago
    /// was used in the future, by a clock that was set back or reads its second after the daemon does. The daemon writes
    /// such a use without its sign, as 2^64 less (vici_query.c, <c>use-in</c>).
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
            // Ten thousand years, far below what a TimeSpan holds.
            { } seconds and > -315_576_000_000 and < 315_576_000_000 => TimeSpan.FromSeconds(
                seconds
            ),
            { } seconds => throw new ViciProtocolException(
                $"'{name}' should be a time in seconds, and is {seconds}"
            ),
        };

    /// <summary>A number in hexadecimal digits, as SPIs are.</summary>
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

    /// <summary>The one section of an event that bears the name of what it is about.</summary>
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
