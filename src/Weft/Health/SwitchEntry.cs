using System.Collections.Immutable;
using Weft.Core.Addressing;

namespace Weft.Health;

/// <summary>An entry of a switch's MAC table: the port behind which it believes an Ethernet address to be.</summary>
/// <param name="Port">The port's OpenFlow number; null for the switch's own port.</param>
/// <param name="Vlan">The VLAN.</param>
/// <param name="Mac">The address.</param>
/// <param name="IsStatic">Whether somebody has set it, so that the switch learns nothing about the address.</param>
internal sealed record SwitchEntry(long? Port, int Vlan, MacAddress Mac, bool IsStatic)
{
    /// <summary>How many seconds ago the address was last seen; null where the table does not say.</summary>
    public int? Age { get; init; }

    /// <summary>
    /// Parses the output of <c>ovs-appctl fdb/show</c>: a heading, then a line of port, VLAN, address and age for each entry.
    /// </summary>
    public static ImmutableArray<SwitchEntry> Parse(string table) =>
        [
            .. table
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Select(words =>
                    words.Length == 4
                    && int.TryParse(words[1], out var vlan)
                    && MacAddress.TryParse(words[2], out var mac)
                        ? new SwitchEntry(
                            long.TryParse(words[0], out var port) ? port : null,
                            vlan,
                            mac,
                            words[3] == "static"
                        )
                        {
                            Age = int.TryParse(words[3], out var age) ? age : null,
                        }
                        : null
                )
                .OfType<SwitchEntry>(),
        ];
}
