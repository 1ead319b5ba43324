using System.Text.Json.Serialization;
using Weft.Core;
using Weft.Core.Planning;

namespace Weft.Health;

/// <summary>What a check has found.</summary>
/// <param name="What">What was looked at, in two or three words.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Words">What was seen, and what to do about it where something is wrong.</param>
internal sealed record Finding(string What, Verdict Verdict, string Words)
{
    /// <summary>Whether it tells what is seen of others, whose own host may know better why.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Beyond { get; init; }

    /// <summary>How a thing of this host stands.</summary>
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

    /// <summary>A host whose Open vSwitch cannot be asked.</summary>
    public static Finding OfSilentSwitch(HostException exception) =>
        new("Open vSwitch", Verdict.Wrong, exception.Message);
}

/// <summary>How something is.</summary>
internal enum Verdict
{
    /// <summary>As it should be.</summary>
    Well,

    /// <summary>It may do harm, or could not be looked at.</summary>
    Doubtful,

    /// <summary>It keeps the overlay from working.</summary>
    Wrong,
}
