using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Rendering;

/// <summary>One address of a container.</summary>
internal sealed record AddressRow(
    string Network,
    string Address,
    string Container,
    string Engine,
    string Origin,
    string State,
    DateTimeOffset? Since,
    DateTimeOffset? GoneSince
);

/// <summary>Lists who has which address on one host.</summary>
internal static class AddressRows
{
    /// <summary>Lists all addresses, in the order of networks and addresses.</summary>
    public static IReadOnlyList<AddressRow> Of(
        Overlay overlay,
        string host,
        ImmutableArray<AddressRecord> records,
        ContainersSeen seen
    )
    {
        var declared =
            from container in overlay.Containers
            where container.Host == host
            let key = container.Key
            from place in container.Attachments
            from address in place.Addresses
            select (
                address,
                Row(place.Network, $"{address}", key, "file", State(key, seen), null, null)
            );
        var given =
            from record in records
            from address in record.Addresses
            select (
                address,
                Row(
                    record.Network,
                    $"{address}",
                    record.Container,
                    "given",
                    record.GoneSince is null ? State(record.Container, seen) : "gone",
                    record.Since,
                    record.GoneSince
                )
            );
        var order = overlay.Networks.Select(network => network.Name).ToList();
        return
        [
            .. declared
                .Concat(given)
                .OrderBy(one => order.IndexOf(one.Item2.Network))
                .ThenBy(one => IPText.Bits(one.address))
                .ThenBy(one => IPText.ToNumber(one.address))
                .Select(one => one.Item2),
        ];
    }

    private static AddressRow Row(
        string network,
        string address,
        ContainerKey container,
        string origin,
        string state,
        DateTimeOffset? since,
        DateTimeOffset? goneSince
    ) =>
        new(
            network,
            address,
            container.Name,
            container.Engine.Word,
            origin,
            state,
            since,
            goneSince
        );

    private static string State(ContainerKey container, ContainersSeen seen) =>
        seen.Silent.ContainsKey(container.Engine) ? "unknown"
        : !seen.Sightings.TryGetValue(container, out var sighting) ? "absent"
        : sighting.Silence is not null ? "unknown"
        : sighting.IsReady ? "running"
        : "stopped";
}

/// <summary>Who has which address, for people.</summary>
internal static class AddressView
{
    /// <summary>Writes a table.</summary>
    public static void Write(Output terminal, IReadOnlyList<AddressRow> rows)
    {
        if (rows.Count == 0)
        {
            terminal.Notice("no container on this host has an address in the overlay");
            return;
        }
        AlignedRows.Write(
            terminal.Out,
            [
                ["NETWORK", "ADDRESS", "CONTAINER", "ENGINE", "FROM", "STATE"],
                .. rows.Select(row =>
                    (string[])
                        [
                            Markup.Escape(row.Network),
                            row.Address,
                            Markup.Escape(row.Container),
                            row.Engine,
                            row.Origin,
                            row.GoneSince is { } gone
                                ? $"gone since {gone.UtcDateTime:yyyy-MM-dd HH:mm}Z"
                                : row.State,
                        ]
                ),
            ]
        );
    }
}

/// <summary>Who has which address, as JSON.</summary>
internal static class AddressJson
{
    /// <summary>Writes an array with one object per address.</summary>
    public static void Write(TextWriter writer, IReadOnlyList<AddressRow> rows) =>
        writer.WriteLine(
            JsonSerializer.Serialize([.. rows], AddressRowContext.Default.AddressRowArray)
        );
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(AddressRow[]))]
internal sealed partial class AddressRowContext : JsonSerializerContext;
