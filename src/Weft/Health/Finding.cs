using System.Text.Json.Serialization;
using Weft.Core;
using Weft.Core.Planning;

namespace Weft.Health;

/// <summary>The result of a check.</summary>
/// <param name="What">What was looked at, in two or three words.</param>
/// <param name="Verdict">How well it is.</param>
/// <param name="Words">What was seen, and what to do about it where something is wrong.</param>
internal sealed record Finding(string What, Verdict Verdict, string Words)
{
    /// <summary>Whether it says what is seen of another host, which may itself know the cause better.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Beyond { get; init; }

    /// <summary>Judges the state of something on this host.</summary>
    public static Finding Of(StatusItem item) =>
        new(
            $"{item.Kind} {item.Name}",
            item.State switch
            {
                ItemState.Ok => Verdict.Well,
                ItemState.Waiting => Verdict.Doubtful,
                _ => Verdict.Wrong,
            },
            item is { State: ItemState.Missing or ItemState.Differs, IsBlocked: false }
                ? $"{item.Detail}: `weft apply` mends it"
                : item.Detail ?? item.Intended
        );

    /// <summary>Says that Open vSwitch on this host does not answer.</summary>
    public static Finding OfSilentSwitch(HostException exception) =>
        new("Open vSwitch", Verdict.Wrong, exception.Message);
}

/// <summary>How well something is.</summary>
internal enum Verdict
{
    /// <summary>As it should be.</summary>
    Well,

    /// <summary>It may do harm, or could not be checked.</summary>
    Doubtful,

    /// <summary>It keeps the overlay from working.</summary>
    Wrong,
}
