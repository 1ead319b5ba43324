using System.Text.RegularExpressions;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Planning.Model;

internal sealed partial class ModelHost
{
    /// <summary>Runs a command line as a shell does.</summary>
    public void Shell(string line)
    {
        if (line.StartsWith('#'))
        {
            return;
        }
        switch (Split(line))
        {
            case ["ip", "netns", "exec", var space, "ethtool", "-K", var link, "tx", var state]:
                SetChecksums(space, link, state == "on");
                break;
            case ["ip", "netns", "exec", var space, "sysctl", "-w", var setting]:
                Sysctl(space, setting);
                break;
            case ["sysctl", "-w", var setting]:
                Sysctl(null, setting);
                break;
            case ["ip", "-n", var space, .. var command]:
                Ip(space, command);
                break;
            case ["ip", .. var command]:
                Ip(null, command);
                break;
            case ["ethtool", "-K", var link, "tx", var state]:
                SetChecksums(null, link, state == "on");
                break;
            case ["ovs-vsctl", .. var command]:
                Vsctl(command);
                break;
            default:
                throw new InvalidOperationException($"the model does not know this: {line}");
        }
    }

    /// <summary>The words of a command line; a character that a shell would act upon must be within single quotes.</summary>
    private static string[] Split(string line)
    {
        var words = new List<string>();
        foreach (Match match in Regex.Matches(line, @"(?:'[^']*'|[^ '])+"))
        {
            foreach (Match bare in Regex.Matches(match.Value, @"'[^']*'|[^']+"))
            {
                Assert.True(
                    bare.Value[0] == '\'' || Regex.IsMatch(bare.Value, @"^[\w./:=,@%+-]+$"),
                    $"a shell takes this apart: {line}"
                );
            }
            words.Add(match.Value.Replace("'", ""));
        }
        return [.. words];
    }

    /// <summary>Runs ovs-vsctl(8): one or more commands with <c>--</c> between them, all in one transaction.</summary>
    private void Vsctl(string[] words)
    {
        var before = tables;
        try
        {
            foreach (var command in string.Join('\n', words).Split("\n--\n"))
            {
                VsctlCommand(command.Split('\n'));
            }
            CollectGarbage();
            CheckIntegrity();
        }
        catch
        {
            tables = before;
            throw;
        }
        Reconfigure(enforce: true);
    }

    private void VsctlCommand(string[] words)
    {
        var (root, bridges) = (tables["Open_vSwitch"][Root], tables["Bridge"]);
        switch (words)
        {
            case ["add-br", var name]:
                if (Exists("Bridge", name) || Exists("Port", name))
                {
                    throw new RefusedException($"cannot create a bridge named {name}: it exists");
                }
                var bridge = Insert("Bridge", name);
                InsertPort(bridge, name);
                SetRow(
                    "Interface",
                    Named("Interface", name),
                    tables["Interface"][Named("Interface", name)],
                    [new("type", "internal")]
                );
                Set("Open_vSwitch", Root, "bridges", Datum.Set(root["bridges"].Uuids.Add(bridge)));
                break;
            case ["del-br", var name]:
                Set(
                    "Open_vSwitch",
                    Root,
                    "bridges",
                    Datum.Set(root["bridges"].Uuids.Remove(Named("Bridge", name)))
                );
                CollectGarbage();
                break;
            case ["add-port", var bridgeName, var name, .. var columns]:
                if (Exists("Bridge", name) || Exists("Port", name))
                {
                    throw new RefusedException($"cannot create a port named {name}: it exists");
                }
                InsertPort(Named("Bridge", bridgeName), name);
                Assign("Port", name, columns);
                break;
            case ["del-port", var bridgeName, var name]:
                var port = Named("Port", name);
                var holder = Named("Bridge", bridgeName);
                var ports = bridges[holder]["ports"].Uuids;
                if (bridgeName == name || !ports.Contains(port))
                {
                    throw new RefusedException($"cannot delete port {name} from {bridgeName}");
                }
                Set("Bridge", holder, "ports", Datum.Set(ports.Remove(port)));
                CollectGarbage();
                break;
            case ["set", var table, var name, _, ..]:
                Assign(
                    Defaults.Keys.Single(one =>
                        one.Equals(table, StringComparison.OrdinalIgnoreCase)
                    ),
                    name,
                    words[3..]
                );
                break;
            default:
                throw new InvalidOperationException(
                    $"the model does not know this: ovs-vsctl {string.Join(' ', words)}"
                );
        }
    }

    private Guid Insert(string table, string name)
    {
        var uuid = NewUuid(++lastRow);
        SetRow(table, uuid, Defaults[table], [new("name", name)]);
        return uuid;
    }

    private void InsertPort(Guid bridge, string name)
    {
        var port = Insert("Port", name);
        Set("Port", port, "interfaces", Insert("Interface", name));
        Set(
            "Bridge",
            bridge,
            "ports",
            Datum.Set(tables["Bridge"][bridge]["ports"].Uuids.Add(port))
        );
    }

    private void Assign(string table, string name, string[] columns)
    {
        foreach (var column in columns)
        {
            var match = Regex.Match(
                column,
                @"^(?<column>\w+)(:(?<key>[\w-]+))?=(?<value>.*)$",
                RegexOptions.ExplicitCapture
            );
            Assert.True(match.Success, $"ovs-vsctl cannot read this: {column}");
            var (uuid, id) = (Named(table, name), match.Groups["column"].Value);
            var type = Defaults[table][id];
            var value = match.Groups["key"].Success
                ? Datum.FromStringMap(
                    tables[table]
                        [uuid][id]
                        .StringMap.SetItem(
                            match.Groups["key"].Value,
                            Unquote(match.Groups["value"].Value)
                        )
                )
                : Parse(match.Groups["value"].Value, type.IsMap, id);
            Set(table, uuid, id, value);
        }
    }

    private static Datum Parse(string text, bool isMap, string column)
    {
        var inner = text is ['[' or '{', .., ']' or '}'] ? text[1..^1] : text;
        var items = Regex.Matches(inner, """(?:"[^"]*"|[^,"])+""").Select(match => match.Value);
        return isMap
            ? Datum.FromStringMap(
                items.Select(item =>
                    KeyValuePair.Create(item.Split('=', 2)[0], Unquote(item.Split('=', 2)[1]))
                )
            )
            : Datum.Set(
                items.Select(item =>
                    column switch
                    {
                        "tag" or "trunks" or "mtu_request" => (Atom)long.Parse(item),
                        "protected" => bool.Parse(item),
                        _ => Unquote(item),
                    }
                )
            );
    }

    /// <summary>A string as ovs-vsctl reads it: plain, or in double quotes.</summary>
    private static string Unquote(string text)
    {
        if (text is ['"', .. var quoted, '"'])
        {
            Assert.DoesNotContain('"', quoted);
            return quoted;
        }
        Assert.Matches("^[A-Za-z_][A-Za-z0-9_.-]*$|^[0-9.-]+$|^[A-Za-z0-9_.-]+$", text);
        return text;
    }

    private bool Exists(string table, string name) =>
        tables[table].Values.Any(row => row["name"] == name);

    private Guid Named(string table, string name) =>
        table == "Open_vSwitch" && name == "."
            ? Root
            : tables[table]
                .Where(row => row.Value["name"] == name)
                .Select(row => (Guid?)row.Key)
                .FirstOrDefault()
                ?? throw new RefusedException($"no row \"{name}\" in table {table}");

    private void Set(string table, Guid uuid, string column, Datum value) =>
        SetRow(table, uuid, tables[table][uuid], [new(column, value)]);
}
