using System.Text;
using Weft.Core.Intents;
using Weft.Ovsdb;

namespace Weft.Core.Planning;

/// <summary>Writes values as <c>ovs-vsctl</c> reads them from a shell (ovs-vsctl(8), "Identifying Tables, Records, Columns, Keys, and Values").</summary>
internal static class Vsctl
{
    /// <summary>What an interface's columns are set to, with a trailing space unless there is nothing to set.</summary>
    public static string Columns(PortIntent port)
    {
        var columns = new StringBuilder();
        if (port.Type.Length > 0)
        {
            columns.Append("type=").Append(port.Type).Append(' ');
        }
        if (port.MtuRequest is { } mtu)
        {
            columns.Append("mtu_request=").Append(mtu).Append(' ');
        }
        if (port.Mac is { } mac)
        {
            columns.Append("mac=").Append(Value(mac.ToString())).Append(' ');
        }
        foreach (var (key, value) in port.Options)
        {
            columns.Append("options:").Append(key).Append('=').Append(Value(value)).Append(' ');
        }
        return columns.ToString();
    }

    /// <summary>The assignment that carries a change out.</summary>
    public static string Assignment(ColumnChange change)
    {
        if (!change.Wanted.IsMap)
        {
            return $"{change.Column}={Value(change.Wanted)}";
        }
        // Of a map only the keys that differ are named, unless one has to go.
        var seen = change.Seen.StringMap;
        var wanted = change.Wanted.StringMap;
        var isLonger =
            seen.Keys.All(wanted.ContainsKey)
            && (change.SeenKey is null || change.WantedKey is not null);
        var differing = wanted
            .Where(pair => seen.GetValueOrDefault(pair.Key) != pair.Value)
            .ToList();
        return isLonger && differing.Count > 0
            ? string.Join(
                ' ',
                differing.Select(pair => $"{change.Column}:{pair.Key}={Value(pair.Value)}")
            )
            : $"{change.Column}={Value(change.Wanted)}";
    }

    private static string Value(Datum datum)
    {
        if (datum.IsMap)
        {
            return ShellWord.Quote(
                "{"
                    + string.Join(
                        ',',
                        datum.StringMap.Select(pair => $"{pair.Key}={Word(pair.Value)}")
                    )
                    + "}"
            );
        }
        return datum.Count == 1
            ? ShellWord.Quote(Word(datum.Atoms[0]))
            : ShellWord.Quote("[" + string.Join(',', datum.Atoms.Select(atom => Word(atom))) + "]");
    }

    private static string Word(Atom atom) =>
        atom.Kind is AtomKind.String ? Word(atom.AsString()) : atom.ToString();

    /// <summary>Quotes a string that is no plain word as JSON does, for ovs-vsctl.</summary>
    private static string Word(string text)
    {
        var plain =
            text.Length > 0
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
        return plain ? text : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
    }
}
