using Spectre.Console;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Rendering;

/// <summary>Shows which addresses each host gives out, for people and as YAML for the overlay file.</summary>
internal static class SliceView
{
    /// <summary>Writes a table, then YAML that declares the same slices.</summary>
    public static void Write(Output terminal, Overlay overlay)
    {
        var slices = new Slices(overlay);
        var all = overlay
            .Networks.SelectMany(network =>
                overlay.Hosts.SelectMany(host => slices.Of(network, host.Name))
            )
            .ToList();
        if (all.Count == 0)
        {
            terminal.Notice($"overlay '{overlay.Name}' has no network");
            return;
        }
        AlignedRows.Write(
            terminal.Out,
            [
                ["NETWORK", "HOST", "GIVES OUT", "OF"],
                .. all.Select(slice =>
                    (string[])
                        [
                            Markup.Escape(slice.Network),
                            Markup.Escape(slice.Host),
                            Parts(slice),
                            $"{slice.Subnet}{(slice.IsDeclared ? ", declared" : "")}",
                        ]
                ),
            ]
        );
        terminal.Out.WriteLine();
        terminal.Out.WriteLine("networks:");
        foreach (var network in all.GroupBy(slice => slice.Network))
        {
            terminal.Out.WriteLine($"  {network.Key}:");
            terminal.Out.WriteLine("    slices:");
            foreach (var host in network.GroupBy(slice => slice.Host))
            {
                var parts = host.Select(slice => slice.Declarable())
                    .Where(part => part is not null)
                    .Select(part => $"\"{part}\"")
                    .ToList();
                terminal.Out.WriteLine(
                    parts.Count == 0
                        ? $"      # {host.Key}: nothing is left for it"
                        : $"      {host.Key}: {(parts.Count == 1 ? parts[0] : $"[{string.Join(", ", parts)}]")}"
                );
            }
        }
    }

    private static string Parts(Slice slice) =>
        slice.Part is not { } part ? "nothing: the subnet is too small"
        : slice.Others.Where(other => part.Contains(other.BaseAddress)).ToList()
            is { Count: > 0 } inside
            ? $"{part} without {string.Join(", ", inside)}"
        : $"{part}";
}
