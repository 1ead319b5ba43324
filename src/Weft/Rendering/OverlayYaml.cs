using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Rendering;

/// <summary>Writes an overlay as an overlay file from which the same overlay is read.</summary>
internal static class OverlayYaml
{
    private const int Width = 110;

    /// <summary>The overlay as YAML in UTF-8.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="remarks">Comments above it, a paragraph each.</param>
    public static byte[] Write(Overlay overlay, params IEnumerable<string> remarks)
    {
        var text = new StringBuilder();
        foreach (var remark in remarks)
        {
            WriteRemark(text, remark);
        }
        text.Append($"name: {overlay.Name}\nswitch: {overlay.Switch}\n");
        if (overlay.Datapath is not DatapathChoice.Auto)
        {
            text.Append($"datapath: {Word(overlay.Datapath)}\n");
        }
        text.Append("hosts:\n");
        foreach (var host in overlay.Hosts)
        {
            var local = host.Local is null ? "" : $", local: {Quoted(host.Local)}";
            var ssh = host.Ssh is null ? "" : $", ssh: {Quoted(host.Ssh)}";
            text.Append(
                $"  {host.Name}: {{ address: {Quoted(host.Address)}, mtu: {host.Mtu}{local}{ssh} }}\n"
            );
        }
        var tunnels = overlay.Tunnels;
        string[] settings =
        [
            $"type: {Word(tunnels.Type)}",
            .. tunnels.Key is { } key ? [$"key: {key}"] : Array.Empty<string>(),
            .. tunnels.Port is { } port ? [$"port: {port}"] : Array.Empty<string>(),
            .. tunnels.Ipsec is { } ipsec ? [$"ipsec: {Ipsec(ipsec)}"] : Array.Empty<string>(),
        ];
        text.Append($"tunnels: {{ {string.Join(", ", settings)} }}\n");
        Section("networks", overlay.Networks, network => WriteNetwork(text, network));
        Action[] containers =
        [
            .. overlay.Containers.Select<Container, Action>(container =>
                () => WriteContainer(text, container)
            ),
            .. overlay.Selections.Select<Selection, Action>(selection =>
                () => WriteSelection(text, selection)
            ),
        ];
        Section("containers", containers, write => write());
        return Encoding.UTF8.GetBytes(text.ToString());

        void Section<T>(string name, IReadOnlyCollection<T> entries, Action<T> write)
        {
            if (entries.Count == 0)
            {
                return;
            }
            text.Append($"{name}:\n");
            foreach (var entry in entries)
            {
                write(entry);
            }
        }
    }

    private static void WriteRemark(StringBuilder text, string remark)
    {
        var line = "#";
        foreach (var word in remark.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length + 1 + word.Length > Width && line.Length > 1)
            {
                text.Append(line).Append('\n');
                line = "#";
            }
            line += $" {word}";
        }
        text.Append(line).Append("\n\n");
    }

    private static string Ipsec(IpsecSettings settings)
    {
        var credentials = settings.Credentials switch
        {
            // The key itself, without which the file would not be the same overlay.
            InlineKey { Key: var key } => $"psk: {Text(Encoding.UTF8.GetString(key.Reveal()))}",
            KeyFile file => $"psk: {{ file: {Quoted(file.Path)} }}",
            KeyVariable variable => $"psk: {{ env: {variable.Name} }}",
            CertificateFiles files =>
                $"certificates: {{ ca: {Quoted(files.Authority)}, certificate: {Quoted(files.Certificate)}, key: {Quoted(files.Key)} }}",
            var other => throw new ArgumentException(
                $"there are no credentials {other.GetType().Name}",
                nameof(settings)
            ),
        };
        var rekey =
            settings.RekeySeconds == IpsecSettings.DefaultRekeySeconds
                ? ""
                : $", rekey: {settings.RekeySeconds}";
        return $"{{ {credentials}, manager: {settings.Manager.Word}{rekey} }}";
    }

    private static void WriteNetwork(StringBuilder text, Network network)
    {
        text.Append($"  {network.Name}:\n    vlan: {network.Vlan}\n");
        text.Append($"    subnet: {List(network.Subnets)}\n");
        if (network.Bridge is { } bridge)
        {
            text.Append(
                $"    bridge: {{ stp: {Word(bridge.Stp)}, forward_delay: {bridge.ForwardDelay}, uplink: {Word(bridge.Uplink)} }}\n"
            );
        }
        if (network.Forward)
        {
            text.Append("    forward: true\n");
        }
        if (!network.Hosts.IsEmpty)
        {
            text.Append("    hosts:\n");
            foreach (var host in network.Hosts)
            {
                text.Append($"      {host.Host}: {List(host.Addresses)}\n");
            }
        }
        if (!network.Slices.IsEmpty)
        {
            text.Append("    slices:\n");
            foreach (var slice in network.Slices)
            {
                text.Append($"      {slice.Host}: {List(slice.Slices)}\n");
            }
        }
        if (!network.Floating.IsEmpty)
        {
            text.Append($"    floating: {List(network.Floating)}\n");
        }
    }

    private static void WriteContainer(StringBuilder text, Container container)
    {
        text.Append(
            $"  {container.Name}:\n    host: {container.Host}\n    engine: {Word(container.Engine)}\n    networks:\n"
        );
        foreach (var attachment in container.Attachments)
        {
            var addresses = attachment.Addresses.IsEmpty
                ? ""
                : $"address: {List(attachment.Addresses)}, ";
            text.Append(
                $"      {attachment.Network}: {{ interface: {attachment.Interface}, {addresses}mac: \"{attachment.Mac}\", {Place(attachment.To, attachment.Routes)} }}\n"
            );
        }
    }

    private static void WriteSelection(StringBuilder text, Selection selection)
    {
        text.Append($"  {selection.Name}:\n");
        if (selection.Host is { } host)
        {
            text.Append($"    host: {host}\n");
        }
        if (selection.Engine is { } engine)
        {
            text.Append($"    engine: {Word(engine)}\n");
        }
        var labels = selection.Labels.Select(label => $"{Text(label.Key)}: {Text(label.Value)}");
        text.Append($"    select: {{ {string.Join(", ", labels)} }}\n    networks:\n");
        foreach (var attachment in selection.Attachments)
        {
            var name = attachment.Interface is { } given ? $"interface: {given}, " : "";
            text.Append(
                $"      {attachment.Network}: {{ {name}{Place(attachment.To, attachment.Routes)} }}\n"
            );
        }
    }

    private static string Place(AttachTo to, IReadOnlyCollection<Route> routes) =>
        routes.Count == 0
            ? $"attach: {Word(to)}"
            : $"attach: {Word(to)}, routes: {{ {string.Join(", ", routes.Select(route => $"{Quoted(route.Destination)}: {Quoted(route.Via)}"))} }}";

    // A JSON string is also a YAML string.
    private static string Text(string text) =>
        $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string Word<T>(T value)
        where T : notnull => value.ToString()!.ToLowerInvariant();

    // Quoted because IPv6 addresses contain colons, which have a meaning in YAML.
    private static string Quoted<T>(T value) => $"\"{value}\"";

    private static string List<T>(IReadOnlyList<T> values) =>
        values.Count == 1 ? Quoted(values[0]) : $"[{string.Join(", ", values.Select(Quoted))}]";
}
