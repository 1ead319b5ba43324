using System.Collections.Immutable;
using System.ComponentModel;
using System.Text;
using System.Text.Json;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Ovsdb;

namespace Weft.Reporting;

/// <summary>
/// Collects from this host what a maintainer would ask for. Changes nothing, and records what it could not read.
/// </summary>
/// <param name="file">The overlay file; null where there is none.</param>
/// <param name="overlay">The overlay; null where the file has mistakes.</param>
/// <param name="host">This host's name in it; null if unknown.</param>
/// <param name="database">Where Open vSwitch's database listens.</param>
/// <param name="options">The options with which commands of weft run for this host.</param>
internal sealed class Report(
    string? file,
    Overlay? overlay,
    string? host,
    string database,
    IReadOnlyList<string> options
)
{
    private const int MostContainers = 200;
    private const int MostAtOnce = 4;
    private const int MostLetters = 4 * 1024 * 1024;
    private const string LogLines = "2000";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Secretive = ["psk", "password", "passphrase", "secret"];

    /// <summary>Collects everything.</summary>
    /// <param name="progress">Called with what is being read.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IReadOnlyList<ReportPart>> ReadAsync(
        Action<string> progress,
        CancellationToken cancellationToken
    )
    {
        var (dump, keys) = await DumpAsync(cancellationToken);
        var redactor = new Redactor([.. keys, .. SecretsOf()]);
        var sources = Sources().ToList();
        sources.AddRange(await InsideAsync(cancellationToken));

        var parts = new ReportPart[sources.Count];
        await Parallel.ForAsync(
            0,
            sources.Count,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = MostAtOnce,
                CancellationToken = cancellationToken,
            },
            async (index, token) =>
            {
                progress(sources[index].Name);
                parts[index] = await sources[index].ReadAsync(token);
            }
        );
        return
        [
            .. FileParts(redactor),
            .. parts
                .Append(dump)
                .Select(part =>
                    part with
                    {
                        Text = part.Text is { } text ? redactor.Clean(text) : null,
                        Problem = part.Problem is { } problem ? redactor.Clean(problem) : null,
                    }
                ),
        ];
    }

    private IEnumerable<ReportPart> FileParts(Redactor redactor)
    {
        const string What = "the overlay file";
        if (file is null)
        {
            return [new ReportPart("overlay.yaml", What, null, "there is none")];
        }
        try
        {
            return
            [
                new ReportPart(
                    "overlay.yaml",
                    $"{What}, {file}",
                    redactor.CleanFile(
                        File.ReadAllText(file),
                        // A file with mistakes may hold a key that was not recognized.
                        overlay is null or { Tunnels.Ipsec.Credentials: InlineKey }
                    ),
                    null
                ),
            ];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [new ReportPart("overlay.yaml", What, null, exception.Message)];
        }
    }

    private ImmutableArray<Secret> SecretsOf()
    {
        if (overlay?.Tunnels.Ipsec?.Credentials is not { } credentials)
        {
            return [];
        }
        var found = CredentialsReader.Read(host is null ? credentials : credentials.For(host));
        return found.Certificate is { } certificate
            ? found.SharedKeys.Add(certificate.Key)
            : found.SharedKeys;
    }

    private IEnumerable<Source> Sources()
    {
        yield return Program("versions/kernel.txt", "uname", "-a");
        yield return Text("versions/system.txt", "/etc/os-release");
        yield return Program("versions/weft.txt", [.. Self.Command, "--version"]);
        yield return Program("versions/openvswitch.txt", "ovs-vswitchd", "--version");
        yield return Program("versions/ovsdb-server.txt", "ovsdb-server", "--version");
        yield return Program("versions/strongswan.txt", "swanctl", "--version");
        yield return Program("versions/iproute2.txt", "ip", "-V");
        foreach (var engine in (string[])["docker", "podman", "lxd", "incus", "crun"])
        {
            yield return Program($"versions/{engine}.txt", engine, "--version");
        }
        yield return Text("kernel/modules.txt", "/proc/modules");
        yield return Text("kernel/command-line.txt", "/proc/cmdline");
        yield return Text("kernel/xfrm-statistics.txt", "/proc/net/xfrm_stat");
        yield return Text("kernel/memory.txt", "/proc/meminfo");

        foreach (
            var (command, arguments) in new (string, string[])[]
            {
                ("check", []),
                ("status", ["--json"]),
                ("plan", ["--json"]),
                ("doctor", ["--json"]),
                ("addresses", []),
            }
        )
        {
            // These two do not read the switch.
            var words = command switch
            {
                "check" => options.Take(1),
                "addresses" => options.TakeWhile(word => word != "--db"),
                _ => options,
            };
            yield return Program(
                $"weft/{command}.{(arguments.Length > 0 ? "json" : "txt")}",
                [.. Self.Command, command, .. arguments, .. words]
            );
        }

        yield return Program("network/links.txt", "ip", "-d", "-s", "link");
        yield return Program("network/addresses.txt", "ip", "address");
        yield return Program("network/routes.txt", "ip", "route", "show", "table", "all");
        yield return Program(
            "network/routes-ipv6.txt",
            "ip",
            "-6",
            "route",
            "show",
            "table",
            "all"
        );
        yield return Program("network/rules.txt", "ip", "rule");
        yield return Program("network/neighbours.txt", "ip", "neighbour");
        yield return Program("network/bridges.txt", "bridge", "-d", "link");
        yield return Program("network/bridge-fdb.txt", "bridge", "fdb");
        yield return Program("network/namespaces.txt", "ip", "netns", "list-id");
        yield return Program("network/sockets.txt", "ss", "-a", "-n", "-u", "-w", "-p");
        yield return Program("network/nftables.txt", "nft", "list", "ruleset");

        yield return Program("ipsec/policies.txt", "ip", "-s", "xfrm", "policy");
        yield return Program("ipsec/states.txt", "ip", "-s", "xfrm", "state", "list", "nokeys");
        yield return Program("ipsec/connections.txt", "swanctl", "--list-conns");
        yield return Program("ipsec/associations.txt", "swanctl", "--list-sas");
        yield return Program("ipsec/certificates.txt", "swanctl", "--list-certs");
        yield return Program("ipsec/daemon.txt", "swanctl", "--stats");

        var bridge = overlay?.Switch ?? new Overlay { Name = "", Hosts = [] }.Switch;
        yield return Program("switch/ports.txt", "ovs-ofctl", "show", bridge);
        yield return Program("switch/flows.txt", "ovs-ofctl", "dump-flows", bridge);
        yield return Program("switch/statistics.txt", "ovs-ofctl", "dump-ports", bridge);
        yield return Program("switch/fdb.txt", "ovs-appctl", "fdb/show", bridge);
        yield return Program("switch/interfaces.txt", "ovs-appctl", "dpif/show");
        yield return Program("switch/datapath.txt", "ovs-appctl", "dpctl/show", "-s");
        yield return Program("switch/datapath-flows.txt", "ovs-appctl", "dpctl/dump-flows", "-m");
        yield return Program("switch/tunnels.txt", "ovs-appctl", "ofproto/list-tunnels");
        yield return Program("switch/routes.txt", "ovs-appctl", "ovs/route/show");
        yield return Program("switch/coverage.txt", "ovs-appctl", "coverage/show");

        foreach (var log in (string[])["ovs-vswitchd", "ovsdb-server"])
        {
            yield return Program(
                $"logs/{log}.txt",
                "tail",
                "-n",
                LogLines,
                $"/var/log/openvswitch/{log}.log"
            );
        }
        string[] units =
        [
            "weft*",
            "openvswitch-switch",
            "openvswitch",
            "ovs*",
            "strongswan*",
            "openvswitch-ipsec",
        ];
        yield return Directory.Exists("/run/systemd/system")
            ? Program(
                "logs/journal.txt",
                [
                    "journalctl",
                    "--no-pager",
                    "-n",
                    LogLines,
                    .. units.SelectMany(unit => new[] { "-u", unit }),
                ]
            )
            : Missing("logs/journal.txt", "journalctl", "systemd does not run here");
        yield return Directory.Exists("/run/systemd/system")
            ? Program("logs/units.txt", ["systemctl", "--no-pager", "-l", "status", .. units])
            : Missing("logs/units.txt", "systemctl status", "systemd does not run here");
    }

    /// <summary>The network state inside the overlay's containers.</summary>
    private async Task<IEnumerable<Source>> InsideAsync(CancellationToken cancellationToken)
    {
        if (overlay is null || host is null)
        {
            return [];
        }
        await using var engines = new EngineSet(engine => ContainerEngines.Of(engine));
        var interest = new ContainerInterest(
            overlay,
            host,
            new AddressStore(overlay.Name).HasAnyOf
        );
        var answers = await ContainerReader.AskAsync(
            engines,
            interest.Engines,
            interest,
            cancellationToken
        );
        var silent = answers
            .Where(answer => answer.Silence is not null)
            .Select(answer =>
            {
                var engine = answer.Engine.Word;
                return Missing($"containers/{engine}", $"containers of {engine}", answer.Silence!);
            });
        var running = answers
            .SelectMany(answer => answer.Containers ?? [])
            .Where(container => interest.Includes(container) && container.IsReady)
            .Take(MostContainers);
        return
        [
            .. silent,
            .. running.Select(container => new Source(
                $"containers/{container.Key.Engine.Word}/{container.Key.Name}.txt",
                $"links, addresses and routes inside {container.Key}",
                token =>
                    RunAsync(
                        [
                            "sh",
                            "-c",
                            "ip -d -s link; ip address; ip route show table all; ip -6 route show table all; ip neighbour",
                        ],
                        container.Namespace,
                        token
                    )
            )),
        ];
    }

    /// <summary>Dumps the switch's database as JSON, without the keys in it, which it returns.</summary>
    private async Task<(ReportPart Dump, IReadOnlyList<Secret> Keys)> DumpAsync(
        CancellationToken cancellationToken
    )
    {
        const string Name = "switch/database.json";
        const string What = "Open vSwitch's database, all tables";
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            await using var client = await OvsdbClient.ConnectAsync(database, patience.Token);
            var schema = await client.GetSchemaAsync(SwitchReader.Database, patience.Token);
            var tables = schema.Tables.Keys.ToList();
            var result = await client.TransactAsync(
                SwitchReader.Database,
                [.. tables.Select(table => new Select(table, []))],
                patience.Token
            );
            var keys = new List<Secret>();
            using var stream = new MemoryStream();
            await using (
                var json = new Utf8JsonWriter(
                    stream,
                    new JsonWriterOptions
                    {
                        Indented = true,
                        Encoder = System
                            .Text
                            .Encodings
                            .Web
                            .JavaScriptEncoder
                            .UnsafeRelaxedJsonEscaping,
                    }
                )
            )
            {
                json.WriteStartObject();
                json.WriteString("schema", schema.Version);
                foreach (var (table, rows) in tables.Zip(result.Operations))
                {
                    json.WriteStartArray(table);
                    foreach (var row in rows.Rows)
                    {
                        WriteRow(json, row, keys);
                    }
                    json.WriteEndArray();
                }
                json.WriteEndObject();
            }
            return (
                new ReportPart(Name, What, Encoding.UTF8.GetString(stream.ToArray()), null),
                keys
            );
        }
        catch (Exception exception)
            when (exception is OvsdbException or FormatException
                || exception is OperationCanceledException
                    && !cancellationToken.IsCancellationRequested
            )
        {
            return (new ReportPart(Name, What, null, exception.Message), []);
        }
    }

    private static void WriteRow(Utf8JsonWriter json, Row row, List<Secret> keys)
    {
        json.WriteStartObject();
        foreach (var (column, value) in row)
        {
            json.WritePropertyName(column);
            if (!value.IsMap)
            {
                value.WriteTo(json);
                continue;
            }
            json.WriteStartObject();
            foreach (var (key, content) in value.Pairs)
            {
                var (name, text) = (Plain(key), Plain(content));
                if (
                    Array.Exists(
                        Secretive,
                        word => name.Contains(word, StringComparison.OrdinalIgnoreCase)
                    )
                )
                {
                    keys.Add(Secret.OfText(text));
                    text = Secret.Veil;
                }
                json.WriteString(name, text);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();

        static string Plain(Atom atom) =>
            atom.Kind is AtomKind.String ? atom.AsString() : atom.ToString();
    }

    private static Source Program(string name, params IReadOnlyList<string> command) =>
        new(
            name,
            command[0] == Self.Command[0]
                ? $"weft {string.Join(' ', command.Skip(Self.Command.Count))}"
                : string.Join(' ', command),
            token => RunAsync(command, null, token)
        );

    private static Source Text(string name, string path) =>
        new(
            name,
            path,
            async token =>
            {
                try
                {
                    return (await File.ReadAllTextAsync(path, token), null);
                }
                catch (Exception exception)
                    when (exception is IOException or UnauthorizedAccessException)
                {
                    return (null, exception.Message);
                }
            }
        );

    private static Source Missing(string name, string what, string why) =>
        new(name, what, _ => Task.FromResult<(string?, string?)>((null, why)));

    private static async Task<(string? Text, string? Problem)> RunAsync(
        IReadOnlyList<string> command,
        string? within,
        CancellationToken cancellationToken
    )
    {
        if (Tool.Find(command[0]) is null)
        {
            return (null, $"{command[0]} is not installed");
        }
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var result = await Tool.RunAsync(
                command,
                within: within,
                cancellationToken: patience.Token
            );
            var problem =
                result.ExitCode == 0
                    ? null
                    : $"exit code {result.ExitCode}, {(result.Errors.Trim().Split('\n') is [.., { Length: > 0 } last] ? last : "without a word")}";
            var text = result.Output + (result.Errors.Length > 0 ? $"\n{result.Errors}" : "");
            return text.Length == 0 && problem is not null
                ? (null, problem)
                : (text.Length > MostLetters ? text[^MostLetters..] : text, problem);
        }
        catch (Exception exception) when (exception is Win32Exception or IOException)
        {
            return (null, exception.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, $"it did not end within {Patience.TotalSeconds} s");
        }
    }

    /// <summary>Something to collect.</summary>
    private sealed record Source(
        string Name,
        string What,
        Func<CancellationToken, Task<(string? Text, string? Problem)>> Read
    )
    {
        public async Task<ReportPart> ReadAsync(CancellationToken cancellationToken)
        {
            var (text, problem) = await Read(cancellationToken);
            return new ReportPart(Name, What, text, problem);
        }
    }
}
