using System.Collections.Immutable;
using Weft.Core.Addressing;
using Schema = Weft.Core.Overlays.OverlaySchema;

namespace Weft.Core.Overlays;

/// <summary>Containers, selections of containers, and their interfaces in networks.</summary>
internal sealed partial class OverlayBuilder
{
    private static bool IsSelection(Entry<Fields> entry) =>
        entry.Value?.Value.Find(Schema.Container.Select) is not null;

    private Container BuildContainer(Entry<Fields> entry)
    {
        var who = $"container {entry.Quoted}";
        var container = entry.Value?.Value ?? new Fields();
        var host = container.Get(Schema.Container.Host);
        if (host is { } named)
        {
            CheckHost(named.Value, named.At, who, "is on");
        }
        var attachments = container.Get(Schema.Container.Networks)?.Value ?? [];
        var interfaces = NameInterfaces(who, attachments);
        if (entry.IsNameRight && host is { } there)
        {
            foreach (var (attachment, @interface) in attachments.Zip(interfaces))
            {
                if (@interface is not null)
                {
                    links.Take(
                        there.Value,
                        LinkNames.ContainerPort(entry.Name, @interface),
                        $"the port of interface '{@interface}' of {who}",
                        attachment.At
                    );
                }
            }
        }
        var routes = new RouteBook(
            who,
            [.. attachments.Select(BookOf).OfType<AddressBook>()],
            mistakes
        );
        return new Container
        {
            Name = entry.Name,
            Host = host?.Value ?? "",
            Engine = container.Get(Schema.Container.Engine)?.Value ?? default,
            Attachments =
            [
                .. attachments.Zip(
                    interfaces,
                    (attachment, @interface) =>
                        BuildAttachment(entry, attachment, @interface ?? "", routes)
                ),
            ],
        };
    }

    /// <summary>
    /// Builds a selection, which stands for containers that the file does not name. Their ports, and interfaces without a name
    /// here, get their names when the containers appear.
    /// </summary>
    private Selection BuildSelection(Entry<Fields> entry)
    {
        var who = $"selection {entry.Quoted}";
        var selection = entry.Value?.Value ?? new Fields();
        var host = selection.Get(Schema.Container.Host);
        if (host is { } named)
        {
            CheckHost(named.Value, named.At, who, "is about");
        }
        var attachments = selection.Get(Schema.Container.Networks)?.Value ?? [];
        CheckInterfaces(who, attachments);
        var routes = new RouteBook(
            who,
            [.. attachments.Select(BookOf).OfType<AddressBook>()],
            mistakes
        );
        return new Selection
        {
            Name = entry.Name,
            Host = host?.Value,
            Engine = selection.Get(Schema.Container.Engine)?.Value,
            Labels = (selection.Get(Schema.Container.Select)?.Value ?? [])
                .Where(label => label.Value is not null)
                .ToImmutableSortedDictionary(
                    label => label.Name,
                    label => label.Value!.Value.Value,
                    StringComparer.Ordinal
                ),
            Attachments =
            [
                .. attachments.Select(attachment => BuildSelected(who, attachment, routes)),
            ],
        };
    }

    private SelectedAttachment BuildSelected(string who, Entry<Fields> attachment, RouteBook routes)
    {
        var fields = attachment.Value?.Value ?? new Fields();
        var book = FindNetwork(who, attachment);
        if (fields.Find(Schema.Attachment.Address) is { } address)
        {
            mistakes.Add(
                address,
                $"{who} has an address in network {attachment.Quoted}, and each container that it selects needs its own: take it out, hosts give one to each"
            );
        }
        if (fields.Find(Schema.Attachment.Mac) is { } mac)
        {
            mistakes.Add(
                mac,
                $"{who} has a MAC in network {attachment.Quoted}, and each container that it selects needs its own: take it out, one is derived for each"
            );
        }
        return new SelectedAttachment
        {
            Network = attachment.Name,
            Interface = fields.Get(Schema.Attachment.Interface)?.Value,
            To = BuildAttachTo(who, fields, book),
            Routes = routes.Read(fields, book, given: null),
        };
    }

    /// <summary>The interface name that the file gives each attachment; null if it gives none, or a name used before.</summary>
    private List<string?> CheckInterfaces(string who, ImmutableArray<Entry<Fields>> attachments)
    {
        var declared = new Dictionary<string, Position>(StringComparer.Ordinal);
        var names = new List<string?>();
        foreach (var attachment in attachments)
        {
            var given = attachment.Value?.Value.Get(Schema.Attachment.Interface);
            names.Add(given?.Value);
            if (given is { } one && !declared.TryAdd(one.Value, one.At))
            {
                mistakes.Add(
                    one.At,
                    $"{who} has two interfaces '{one.Value}' (first in line {declared[one.Value].Line}): rename one, or leave the key out"
                );
                names[^1] = null;
            }
        }
        return names;
    }

    /// <summary>The interface name of each attachment; null if the file gives a wrong name or one used before.</summary>
    private List<string?> NameInterfaces(string who, ImmutableArray<Entry<Fields>> attachments)
    {
        var names = CheckInterfaces(who, attachments);
        var free = InterfaceNames.Free(names.OfType<string>()).GetEnumerator();
        for (var i = 0; i < names.Count; i++)
        {
            if (attachments[i].Value?.Value.Find(Schema.Attachment.Interface) is null)
            {
                free.MoveNext();
                names[i] = free.Current;
            }
        }
        return names;
    }

    private Attachment BuildAttachment(
        Entry<Fields> container,
        Entry<Fields> attachment,
        string @interface,
        RouteBook routes
    )
    {
        var who = $"container {container.Quoted}";
        var fields = attachment.Value?.Value ?? new Fields();
        var book = FindNetwork(who, attachment);
        var addresses = fields.Get(Schema.Attachment.Address);
        return new Attachment
        {
            Network = attachment.Name,
            Interface = @interface,
            Addresses = Claim(addresses, who, container.Quoted, book),
            Mac = BuildMac(container, attachment, fields),
            To = BuildAttachTo(who, fields, book),
            Routes = routes.Read(
                fields,
                book,
                fields.Find(Schema.Attachment.Address) is null ? null : addresses?.Value ?? []
            ),
        };
    }

    private AddressBook? BookOf(Entry<Fields> attachment) =>
        books.GetValueOrDefault(attachment.Name);

    private AddressBook? FindNetwork(string who, Entry<Fields> attachment)
    {
        var book = BookOf(attachment);
        if (book is null && attachment.IsNameRight && networks is { } known)
        {
            mistakes.Add(
                attachment.At,
                () =>
                    $"{who} attaches to network {attachment.Quoted}, which is not among 'networks': {Meant(attachment.Name, known, "network")}"
            );
        }
        return book;
    }

    private AttachTo BuildAttachTo(string who, Fields attachment, AddressBook? book)
    {
        var network = book?.Network.Value?.Value;
        var hasBridge = network?.Get(Schema.Network.Bridge)?.Value is { IsOn: true };
        var declared = attachment.Get(Schema.Attachment.Attach);
        var isBridgeRight =
            network is { IsWhole: true }
            && (
                network.Find(Schema.Network.Bridge) is null
                || network.Get(Schema.Network.Bridge) is not null
            );
        if (declared is { Value: AttachTo.Bridge } bridge && !hasBridge && isBridgeRight)
        {
            mistakes.Add(
                bridge.At,
                $"{who} attaches to the bridge of network {book!.Network.Quoted} (line {book.Network.At.Line}), which has none: give the network 'bridge: true', or write 'attach: switch'"
            );
        }
        return declared?.Value ?? (hasBridge ? AttachTo.Bridge : AttachTo.Switch);
    }

    private MacAddress BuildMac(Entry<Fields> container, Entry<Fields> attachment, Fields fields)
    {
        var declared = fields.Get(Schema.Attachment.Mac);
        var mac =
            declared?.Value
            ?? MacAddress.Derive(name?.Value ?? "", container.Name, attachment.Name);
        if (!macs.TryAdd((attachment.Name, mac), container))
        {
            var first = macs[(attachment.Name, mac)];
            var fix = declared is null ? "give it a 'mac'" : "leave 'mac' out to have one derived";
            mistakes.Add(
                declared?.At ?? attachment.At,
                $"container {container.Quoted} has MAC {mac}, which {first.Quoted} (line {first.At.Line}) has already: {fix}"
            );
        }
        return mac;
    }
}
