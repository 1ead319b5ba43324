using System.Net;
using System.Text;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

/// <summary>In which of the ways that mean the same a file is written.</summary>
/// <param name="Flow">Mappings in braces instead of lines of their own.</param>
/// <param name="Short">A value in place of a mapping, and what has a default left out.</param>
/// <param name="Quote">What texts stand in: nothing, single or double quotes.</param>
/// <param name="LineEnd">What lines end with.</param>
/// <param name="Comments">Whether there are comments and empty lines in between.</param>
internal sealed record TextStyle(bool Flow, bool Short, string Quote, string LineEnd, bool Comments)
{
    /// <summary>Says everything: two overlays are the same if this text of them is.</summary>
    public static TextStyle Whole { get; } = new(false, false, "'", "\n", false);
}

/// <summary>Writes an overlay as a file.</summary>
internal sealed class OverlayText(Overlay overlay, TextStyle style)
{
    public static string Of(Overlay overlay, TextStyle style) =>
        new OverlayText(overlay, style).Write();

    private string Write()
    {
        var file = new List<(string, object?)>
        {
            ("name", Text(overlay.Name)),
            ("switch", Unless(overlay.Switch == "ovsbr0", Text(overlay.Switch))),
            ("datapath", Unless(overlay.Datapath is DatapathChoice.Auto, Word(overlay.Datapath))),
            ("hosts", overlay.Hosts.Select(host => (Key(host.Name), Host(host))).ToList()),
            (
                "tunnels",
                new List<(string, object?)>
                {
                    ("type", Word(overlay.Tunnels.Type)),
                    ("key", Number(overlay.Tunnels.Key)),
                    ("port", Number(overlay.Tunnels.Port)),
                    ("ipsec", Ipsec(overlay.Tunnels.Ipsec)),
                }
            ),
            (
                "networks",
                overlay
                    .Networks.Select(network => (Key(network.Name), (object?)Network(network)))
                    .ToList()
            ),
            (
                "containers",
                overlay
                    .Containers.Select(container =>
                        (Key(container.Name), (object?)Container(container))
                    )
                    .Concat(
                        overlay.Selections.Select(selection =>
                            (Key(selection.Name), (object?)Selection(selection))
                        )
                    )
                    .ToList()
            ),
        };
        var text = new StringBuilder(style.Comments ? "# yaml\n\n" : "");
        foreach (var (key, value) in file)
        {
            Append(text, key, value, indent: "");
        }
        return text.Replace("\n", style.LineEnd).ToString();
    }

    private object? Host(Host host) =>
        style.Short && host is { Mtu: Core.Overlays.Host.DefaultMtu, Local: null, Ssh: null }
            ? Text(host.Address)
            : new List<(string, object?)>
            {
                ("address", Text(host.Address)),
                ("mtu", Number(host.Mtu)),
                ("local", host.Local is null ? null : Text(host.Local)),
                ("ssh", host.Ssh is null ? null : Text(host.Ssh)),
            };

    private List<(string, object?)>? Ipsec(IpsecSettings? settings) =>
        settings is null
            ? null
            : new List<(string, object?)>
            {
                settings.Credentials is CertificateFiles files
                    ? ("certificates", Certificates(files))
                    : ("psk", Psk(settings.Credentials)),
                (
                    "manager",
                    Unless(
                        settings.Manager is IpsecManager.StrongSwan,
                        settings.Manager is IpsecManager.StrongSwan
                            ? "strongswan"
                            : "openvswitch-ipsec"
                    )
                ),
            };

    private object Certificates(CertificateFiles files) =>
        style.Short && files == CertificateFiles.Default
            ? "true"
            : new List<(string, object?)>
            {
                ("ca", Text(files.Authority)),
                ("certificate", Text(files.Certificate)),
                ("key", Text(files.Key)),
            };

    private object Psk(IpsecCredentials source) =>
        source switch
        {
            InlineKey { Key: var key } when style.Short => Text(
                Encoding.UTF8.GetString(key.Reveal())
            ),
            InlineKey { Key: var key } => new List<(string, object?)>
            {
                ("key", Text(Encoding.UTF8.GetString(key.Reveal()))),
            },
            KeyFile file => new List<(string, object?)> { ("file", Text(file.Path)) },
            KeyVariable variable => new List<(string, object?)> { ("env", Text(variable.Name)) },
            _ => throw new ArgumentOutOfRangeException(nameof(source)),
        };

    private List<(string, object?)> Network(Network network) =>
        new List<(string, object?)>
        {
            ("vlan", Number(network.Vlan)),
            ("subnet", OneOrMore(network.Subnets)),
            ("bridge", Bridge(network.Bridge)),
            (
                "forward",
                style.Short && !network.Forward ? null
                : network.Forward ? "true"
                : "false"
            ),
            (
                "hosts",
                network
                    .Hosts.Select(host => (Key(host.Host), (object?)OneOrMore(host.Addresses)))
                    .ToList()
            ),
            (
                "slices",
                network
                    .Slices.Select(slice => (Key(slice.Host), (object?)OneOrMore(slice.Slices)))
                    .ToList()
            ),
            ("floating", network.Floating.IsEmpty ? null : OneOrMore(network.Floating)),
        };

    private object? Bridge(ContainerBridge? bridge) =>
        bridge is null ? (style.Short ? null : "false")
        : style.Short && bridge == new ContainerBridge() ? "true"
        : new List<(string, object?)>
        {
            ("stp", bridge.Stp ? "true" : "false"),
            ("forward_delay", Number(bridge.ForwardDelay)),
            ("uplink", Word(bridge.Uplink)),
        };

    private List<(string, object?)> Container(Container container) =>
        new List<(string, object?)>
        {
            ("host", Text(container.Host)),
            ("engine", Word(container.Engine)),
            (
                "networks",
                container
                    .Attachments.Select(place => (Key(place.Network), (object?)Attachment(place)))
                    .ToList()
            ),
        };

    private List<(string, object?)> Attachment(Attachment place) =>
        new List<(string, object?)>
        {
            ("address", place.Addresses.IsEmpty ? null : OneOrMore(place.Addresses)),
            ("interface", Text(place.Interface)),
            ("mac", Text(place.Mac)),
            ("attach", AttachTo(place.Network, place.To)),
            ("routes", Routes(place.Routes)),
        };

    private List<(string, object?)> Selection(Selection selection) =>
        new List<(string, object?)>
        {
            ("host", selection.Host is { } host ? Text(host) : null),
            ("engine", selection.Engine is { } engine ? Word(engine) : null),
            (
                "select",
                selection
                    .Labels.Select(label => (Key(label.Key), (object?)Text(label.Value)))
                    .ToList()
            ),
            (
                "networks",
                selection
                    .Attachments.Select(place => (Key(place.Network), Selected(place)))
                    .ToList()
            ),
        };

    private object? Selected(SelectedAttachment place)
    {
        var keys = new List<(string, object?)>
        {
            ("interface", place.Interface is { } name ? Text(name) : null),
            ("attach", AttachTo(place.Network, place.To)),
            ("routes", Routes(place.Routes)),
        };
        return
            style.Short
            && keys.All(key => key.Item2 is null or List<(string, object?)> { Count: 0 })
            ? style.Flow
                ? "{}"
                : ""
            : keys;
    }

    private string? AttachTo(string network, AttachTo to) =>
        Unless(
            overlay.Networks.First(one => one.Name == network).Bridge is not null
                == (to is Core.Overlays.AttachTo.Bridge),
            Word(to)
        );

    private List<(string, object?)> Routes(IEnumerable<Route> routes) =>
        [.. routes.Select(route => (Key(route.Destination.ToString()), (object?)Text(route.Via)))];

    private string OneOrMore<T>(IReadOnlyList<T> values) =>
        style.Short && values.Count == 1
            ? Text(values[0])
            : $"[{string.Join(", ", values.Select(Text))}]";

    private string? Unless(bool isDefault, string value) => style.Short && isDefault ? null : value;

    private static string? Number<T>(T value) =>
        Convert.ToString(value) is { Length: > 0 } text ? text : null;

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>A text as a value; one with a bracket, or that begins or ends with a colon, is only safe in quotes.</summary>
    private string Text<T>(T value)
    {
        var text = value is IPNetwork or IPAddress ? value.ToString()! : $"{value}";
        var quote =
            style.Quote.Length == 0
            && (
                text.Contains('[')
                || text.StartsWith(':')
                || text.EndsWith(':')
                || text.Contains(": ")
            )
                ? "'"
                : style.Quote;
        return quote + text + quote;
    }

    private string Key(string name) => Text(name);

    private void Append(StringBuilder text, string key, object? value, string indent)
    {
        switch (value)
        {
            case null:
                return;
            case List<(string Key, object? Value)> mapping when indent.Length > 0 && style.Flow:
                text.Append($"{indent}{key}: {Flow(mapping)}\n");
                break;
            case List<(string Key, object? Value)> mapping:
                text.Append($"{indent}{key}:\n");
                foreach (var entry in mapping)
                {
                    Append(text, entry.Key, entry.Value, indent + "  ");
                }
                break;
            default:
                text.Append($"{indent}{key}: {value}{(style.Comments ? "   # a comment" : "")}\n");
                break;
        }
        text.Append(style.Comments ? "\n" : "");
    }

    private static string Flow(object? value) =>
        value is List<(string Key, object? Value)> mapping
            ? "{ "
                + string.Join(
                    ", ",
                    mapping
                        .Where(entry => entry.Value is not null)
                        .Select(entry => $"{entry.Key}: {Flow(entry.Value)}")
                )
                + " }"
            : $"{value}";
}
