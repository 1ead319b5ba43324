using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>Writes an overlay as a file that is read as that overlay.</summary>
internal static class OverlayYaml
{
    /// <summary>The overlay as YAML in UTF-8.</summary>
    public static byte[] Write(Overlay overlay)
    {
        var text = new StringBuilder();
        text.Append($"name: {overlay.Name}\nswitch: {overlay.Switch}\n");
        if (overlay.Datapath is not DatapathChoice.Auto)
        {
            text.Append($"datapath: {Word(overlay.Datapath)}\n");
        }
        text.Append("hosts:\n");
        foreach (var host in overlay.Hosts)
        {
            var local = host.Local is null ? "" : $", local: {Quoted(host.Local)}";
            text.Append(
                $"  {host.Name}: {{ address: {Quoted(host.Address)}, mtu: {host.Mtu}{local} }}\n"
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
        Section("containers", overlay.Containers, container => WriteContainer(text, container));
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

    private static string Ipsec(IpsecSettings settings)
    {
        var credentials = settings.Credentials switch
        {
            // What the file is to be read as has the key in it; JSON's strings are YAML's too.
            InlineKey { Key: var key } =>
                $"psk: \"{JsonEncodedText.Encode(Encoding.UTF8.GetString(key.Reveal()), JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"",
            KeyFile file => $"psk: {{ file: {Quoted(file.Path)} }}",
            KeyVariable variable => $"psk: {{ env: {variable.Name} }}",
            CertificateFiles files =>
                $"certificates: {{ ca: {Quoted(files.Authority)}, certificate: {Quoted(files.Certificate)}, key: {Quoted(files.Key)} }}",
            var other => throw new ArgumentException(
                $"there are no credentials {other.GetType().Name}",
                nameof(settings)
            ),
        };
        return $"{{ {credentials}, manager: {settings.Manager.Word} }}";
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
        if (!network.Hosts.IsEmpty)
        {
            text.Append("    hosts:\n");
            foreach (var host in network.Hosts)
            {
                text.Append($"      {host.Host}: {List(host.Addresses)}\n");
            }
        }
    }

    private static void WriteContainer(StringBuilder text, Container container)
    {
        text.Append(
            $"  {container.Name}:\n    host: {container.Host}\n    engine: {Word(container.Engine)}\n    networks:\n"
        );
        foreach (var attachment in container.Attachments)
        {
            text.Append(
                $"      {attachment.Network}: {{ interface: {attachment.Interface}, address: {List(attachment.Addresses)}, mac: \"{attachment.Mac}\" }}\n"
            );
        }
    }

    private static string Word<T>(T value)
        where T : notnull => value.ToString()!.ToLowerInvariant();

    // An IPv6 address holds colons, which mean something in YAML.
    private static string Quoted<T>(T value) => $"\"{value}\"";

    private static string List<T>(IReadOnlyList<T> values) =>
        values.Count == 1 ? Quoted(values[0]) : $"[{string.Join(", ", values.Select(Quoted))}]";
}
