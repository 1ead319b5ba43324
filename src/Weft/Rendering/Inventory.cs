using System.Buffers;
using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Json;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Rendering;

/// <summary>A container as a host of Ansible's.</summary>
/// <param name="Name">Its name for Ansible: the container's, with engine and host appended where it would not be unique.</param>
/// <param name="Container">The container.</param>
/// <param name="Host">Its host.</param>
/// <param name="Addresses">Its addresses by network, in the file's order.</param>
/// <param name="Labels">Those of its labels that the file selects by, with the values that the file asks for.</param>
internal sealed record InventoryHost(
    string Name,
    ContainerKey Container,
    string Host,
    ImmutableArray<(string Network, ImmutableArray<IPAddress> Addresses)> Addresses,
    ImmutableSortedDictionary<string, string> Labels
)
{
    /// <summary>The groups that it is in.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];
}

/// <summary>Lists the containers that can be reached: those in the file, and those that this host has selected.</summary>
internal static class Inventory
{
    /// <summary>Lists all that have an address.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="here">This host's name in it; null if it is none of its hosts.</param>
    /// <param name="records">The addresses that this host has given out.</param>
    public static IReadOnlyList<InventoryHost> Of(
        Overlay overlay,
        string? here,
        ImmutableArray<AddressRecord> records
    )
    {
        var given = records
            .Where(record => record.GoneSince is null)
            .ToLookup(record => record.Container);
        var order = overlay.Networks.Select(network => network.Name).ToList();
        var named = overlay.Containers.Select(container =>
        {
            var key = container.Key;
            var own = container.Host == here ? given[key].ToList() : [];
            return new InventoryHost(
                container.Name,
                key,
                container.Host,
                [
                    .. container
                        .Attachments.Select(place =>
                            (
                                place.Network,
                                place.Addresses.IsEmpty
                                    ? own.Find(record => record.Network == place.Network)?.Addresses
                                        ?? []
                                    : place.Addresses
                            )
                        )
                        .Where(place => !place.Item2.IsEmpty),
                ],
                LabelsOf(overlay, own.FirstOrDefault())
            );
        });
        var names = overlay
            .Containers.Where(container => container.Host == here)
            .Select(container => container.Key)
            .ToHashSet();
        var selected = given
            .Where(container => !names.Contains(container.Key))
            .OrderBy(container => $"{container.Key}", StringComparer.Ordinal)
            .Select(container => new InventoryHost(
                container.Key.Name,
                container.Key,
                here!,
                [
                    .. container
                        .OrderBy(record => order.IndexOf(record.Network))
                        .Select(record => (record.Network, record.Addresses)),
                ],
                LabelsOf(overlay, container.First())
            ));
        InventoryHost[] inFile = [.. named];
        InventoryHost[] byLabel = [.. selected];
        // Names must stay the same when containers come and go. A container in the file always has its plain name; of selected
        // containers that share one, each gets the full name, also one whose plain name is another's full name.
        var shared = byLabel
            .CountBy(container => container.Name)
            .Where(name => name.Value > 1)
            .Select(name => name.Key)
            .Concat(inFile.Select(container => container.Name))
            .Concat(inFile.Concat(byLabel).Select(FullName))
            .ToHashSet(StringComparer.Ordinal);
        InventoryHost[] known =
        [
            .. inFile,
            .. byLabel.Select(container =>
                shared.Contains(container.Name)
                    ? container with
                    {
                        Name = FullName(container),
                    }
                    : container
            ),
        ];
        var groups = GroupNames(overlay, known);
        return
        [
            .. known
                .Where(container => !container.Addresses.IsEmpty)
                .Select(container =>
                    container with
                    {
                        Groups =
                        [
                            .. ReasonsOf(container).Select(reason => groups[reason]).Distinct(),
                        ],
                    }
                ),
        ];
    }

    private static string FullName(InventoryHost container) =>
        $"{container.Container.Name}.{container.Container.Engine.Word}.{container.Host}";

    /// <summary>
    /// The labels that the file asks for. Ansible evaluates variables as templates, which can run programs, so no value may come
    /// from whoever made the container: these are all in the file.
    /// </summary>
    private static ImmutableSortedDictionary<string, string> LabelsOf(
        Overlay overlay,
        AddressRecord? record
    ) =>
        (record?.Labels ?? ImmutableSortedDictionary<string, string>.Empty)
            .Where(label => overlay.Selections.Any(selection => selection.Labels.Contains(label)))
            .ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>Maps what groups are for to unique group names. What the file says gives the same names on every host.</summary>
    private static Dictionary<string, string> GroupNames(
        Overlay overlay,
        IEnumerable<InventoryHost> known
    )
    {
        var ofFile = overlay
            .Hosts.Select(host => HostReason(host.Name))
            .Concat(overlay.Networks.Select(network => NetworkReason(network.Name)))
            .Concat(
                overlay.Selections.SelectMany(selection => selection.Labels).Select(LabelReason)
            );
        var taken = new HashSet<string>(StringComparer.Ordinal);
        return ofFile
            .Order(StringComparer.Ordinal)
            .Concat(known.SelectMany(ReasonsOf).Order(StringComparer.Ordinal))
            .Distinct()
            .ToDictionary(
                reason => reason,
                reason =>
                    GroupName(reason) is var name && taken.Add(name)
                        ? name
                        : $"{name}_{LinkNames.Hash(reason)}"
            );
    }

    private static IEnumerable<string> ReasonsOf(InventoryHost host) =>
        [
            HostReason(host.Host),
            $"engine_{host.Container.Engine}",
            .. host.Addresses.Select(place => NetworkReason(place.Network)),
            .. host.Labels.Select(LabelReason),
        ];

    private static string HostReason(string host) => $"host_{host}";

    private static string NetworkReason(string network) => $"network_{network}";

    // The separator cannot occur in labels, so that different labels stay different.
    private static string LabelReason(KeyValuePair<string, string> label) =>
        $"label_{label.Key}\0{label.Value}";

    /// <summary>
    /// Makes a valid group name: letters, digits and underscores (Ansible's option TRANSFORM_INVALID_GROUP_CHARS).
    /// </summary>
    private static string GroupName(string name) =>
        string.Concat(
            name.ToLowerInvariant()
                .Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_')
        );
}

/// <summary>Writes the inventory in the format of Ansible's inventory scripts.</summary>
internal static class InventoryJson
{
    /// <summary>Writes all groups with the variables of all hosts, so that Ansible need not ask for each host.</summary>
    public static void WriteList(TextWriter writer, IReadOnlyList<InventoryHost> hosts) =>
        Write(
            writer,
            json =>
            {
                json.WriteStartObject();
                json.WriteStartObject("_meta");
                json.WriteStartObject("hostvars");
                foreach (var host in hosts)
                {
                    json.WritePropertyName(host.Name);
                    WriteVariables(json, host);
                }
                json.WriteEndObject();
                json.WriteEndObject();
                var groups = hosts
                    .SelectMany(host => host.Groups.Select(group => (group, host.Name)))
                    .ToLookup(one => one.group, one => one.Name, StringComparer.Ordinal);
                var names = groups
                    .Select(group => group.Key)
                    .Order(StringComparer.Ordinal)
                    .ToList();
                json.WriteStartObject("all");
                WriteStrings(json, "hosts", hosts.Select(host => host.Name));
                WriteStrings(json, "children", names);
                json.WriteEndObject();
                foreach (var name in names)
                {
                    json.WriteStartObject(name);
                    WriteStrings(json, "hosts", groups[name]);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        );

    /// <summary>Writes the variables of one host.</summary>
    public static void WriteHost(TextWriter writer, InventoryHost host) =>
        Write(writer, json => WriteVariables(json, host));

    private static void WriteVariables(Utf8JsonWriter json, InventoryHost host)
    {
        json.WriteStartObject();
        json.WriteString("ansible_host", host.Addresses[0].Addresses[0].ToString());
        json.WriteString("weft_container", host.Container.Name);
        json.WriteString("weft_engine", host.Container.Engine.Word);
        json.WriteString("weft_host", host.Host);
        json.WriteStartObject("weft_addresses");
        foreach (var (network, addresses) in host.Addresses)
        {
            WriteStrings(json, network, addresses.Select(address => address.ToString()));
        }
        json.WriteEndObject();
        json.WriteStartObject("weft_labels");
        foreach (var (key, value) in host.Labels)
        {
            json.WriteString(key, value);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }

    private static void Write(TextWriter writer, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            write(json);
        }
        writer.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
