using System.ComponentModel;
using System.Net.Sockets;
using System.Text.Json;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Whether a host's firewall drops what passes its container bridges. Once br_netfilter is loaded (Docker, Kubernetes and some
/// rules of iptables do that), the kernel shows frames that a bridge forwards to the firewall as if the host routed them, and
/// Docker and firewalld have the host route nothing that they do not know.
/// </summary>
/// <param name="ruleset">The kernel's rules, as <c>nft -j list ruleset</c> writes them; null where nobody could tell.</param>
/// <param name="whyUnknown">Why nobody could.</param>
/// <param name="filtered">The IP versions of which the firewall is shown what passes a bridge.</param>
internal sealed class BridgeFirewall(
    string? ruleset,
    string? whyUnknown,
    IReadOnlyList<AddressFamily> filtered
)
{
    // A jump from chain to chain goes no deeper in the kernel (NFT_JUMP_STACK_SIZE of nf_tables.h).
    private const int MostJumps = 16;

    private readonly (IReadOnlyDictionary<ChainKey, Chain> Chains, string? WhyUnknown) known =
        ruleset is null ? (new Dictionary<ChainKey, Chain>(0), whyUnknown) : Read(ruleset);

    /// <summary>Reads what is to be known of this host.</summary>
    public static async Task<BridgeFirewall> ReadAsync(CancellationToken cancellationToken)
    {
        AddressFamily[] filtered =
        [
            .. ((AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]).Where(
                IsFiltered
            ),
        ];
        if (filtered.Length == 0)
        {
            return new BridgeFirewall(null, null, filtered);
        }
        if (HasLegacyRules)
        {
            return new BridgeFirewall(
                null,
                "`iptables-legacy -S` and `ip6tables-legacy -S` say so",
                filtered
            );
        }
        if (Tool.Find("nft") is null)
        {
            // What nobody could have made rules with has none.
            return Tool.Find("iptables") is null
                ? new BridgeFirewall("""{"nftables":[]}""", null, filtered)
                : new BridgeFirewall(
                    null,
                    "install nftables, by which Weft sees it, or look at `iptables -S` and `ip6tables -S`",
                    filtered
                );
        }
        try
        {
            var listed = await Tool.RunAsync(
                ["nft", "-j", "list", "ruleset"],
                cancellationToken: cancellationToken
            );
            return listed.ExitCode == 0
                ? new BridgeFirewall(listed.Output, null, filtered)
                : new BridgeFirewall(null, $"nft refused to: {listed.Errors.Trim()}", filtered);
        }
        catch (Win32Exception exception)
        {
            return new BridgeFirewall(null, $"nft does not start: {exception.Message}", filtered);
        }
    }

    /// <summary>What is wrong of it for one bridge; nothing where frames pass.</summary>
    public IEnumerable<Finding> Judge(BridgeLinkIntent bridge, Overlay overlay)
    {
        var network = overlay.Networks.First(one => one.Name == bridge.Network);
        foreach (
            var family in filtered.Where(family =>
                network.Subnets.Any(subnet => subnet.BaseAddress.AddressFamily == family)
            )
        )
        {
            var what =
                $"{(family is AddressFamily.InterNetwork ? "IPv4" : "IPv6")} packets that pass bridge {bridge.Name} pass this host's firewall too ({SwitchOf(family)} is 1)";
            if (known.WhyUnknown is { } why)
            {
                yield return new Finding(
                    "firewall",
                    Verdict.Doubtful,
                    $"{what}, and whether it drops them is not known: {why}"
                );
            }
            else if (DroppingChain(family, bridge.Name) is var (ruleFamily, table, chain))
            {
                var cure =
                    ruleFamily is not "inet" && (table, chain) is ("filter", "FORWARD")
                        ? $"{(ruleFamily is "ip" ? "iptables" : "ip6tables")} -I FORWARD -i {bridge.Name} -o {bridge.Name} -j ACCEPT"
                        : $"nft insert rule {ruleFamily} {table} {chain} iifname {bridge.Name} oifname {bridge.Name} accept";
                yield return new Finding(
                    "firewall",
                    Verdict.Wrong,
                    $"{what}, and chain {chain} of table {ruleFamily} {table} drops them: let them pass by `{cure}`, or have none filtered by `sysctl -w {SwitchOf(family)}=0`"
                );
            }
        }
    }

    private static string SwitchOf(AddressFamily family) =>
        family is AddressFamily.InterNetwork
            ? "net.bridge.bridge-nf-call-iptables"
            : "net.bridge.bridge-nf-call-ip6tables";

    private static bool IsFiltered(AddressFamily family) =>
        TextOf($"/proc/sys/{SwitchOf(family).Replace('.', '/')}") is not (null or "0");

    // The tables of the kernel's older interface, which nft does not list.
    private static bool HasLegacyRules =>
        TextOf("/proc/net/ip_tables_names") is { Length: > 0 }
        || TextOf("/proc/net/ip6_tables_names") is { Length: > 0 };

    private static string? TextOf(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The chains with their rules, or why nobody can tell.</summary>
    private static (IReadOnlyDictionary<ChainKey, Chain>, string?) Read(string ruleset)
    {
        var chains = new Dictionary<ChainKey, Chain>();
        try
        {
            using var listed = JsonDocument.Parse(ruleset);
            foreach (var one in listed.RootElement.GetProperty("nftables").EnumerateArray())
            {
                if (one.TryGetProperty("chain", out var made))
                {
                    chains[Key(made, "name")] = new Chain(made);
                }
                else if (
                    one.TryGetProperty("rule", out var rule)
                    && chains.TryGetValue(Key(rule, "chain"), out var its)
                )
                {
                    if (Rule.Of(rule) is { } understood)
                    {
                        its.Rules.Add(understood);
                    }
                }
            }
            return (chains, null);
        }
        catch (Exception exception)
            when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (chains, $"what nft says cannot be understood: {exception.Message}");
        }

        static ChainKey Key(JsonElement of, string name) =>
            new(
                of.GetProperty("family").GetString()!,
                of.GetProperty("table").GetString()!,
                of.GetProperty(name).GetString()!
            );
    }

    /// <summary>The chain that drops what a bridge forwards; null where none does.</summary>
    private ChainKey? DroppingChain(AddressFamily family, string bridge)
    {
        var own = family is AddressFamily.InterNetwork ? "ip" : "ip6";
        foreach (
            var (key, chain) in known.Chains.Where(one =>
                one.Value.Hook == "forward" && (one.Key.Family == own || one.Key.Family == "inet")
            )
        )
        {
            // Another chain at the same place may still drop what one accepts.
            if ((Walk(key, 0) ?? chain.Policy) == "drop")
            {
                return key;
            }
        }
        return null;

        // What becomes of the frame in a chain; null where it comes to its end.
        string? Walk(ChainKey key, int depth)
        {
            foreach (
                var rule in (known.Chains.GetValueOrDefault(key)?.Rules ?? []).Where(rule =>
                    rule.Takes(bridge)
                )
            )
            {
                switch (rule.Verdict)
                {
                    case "accept" or "drop":
                        return rule.Verdict;
                    case "return":
                        return null;
                    case "jump" or "goto" when depth < MostJumps:
                        if (Walk(key with { Chain = rule.Target! }, depth + 1) is { } inside)
                        {
                            return inside;
                        }
                        if (rule.Verdict == "goto")
                        {
                            return null;
                        }
                        break;
                }
            }
            return null;
        }
    }

    private readonly record struct ChainKey(string Family, string Table, string Chain);

    private sealed class Chain(JsonElement made)
    {
        public string? Hook { get; } = Text(made, "hook");

        public string Policy { get; } = Text(made, "policy") ?? "accept";

        public List<Rule> Rules { get; } = [];

        private static string? Text(JsonElement of, string name) =>
            of.TryGetProperty(name, out var value) ? value.GetString() : null;
    }

    /// <summary>
    /// A rule that asks for nothing of a frame but the links that it comes and leaves by: to the firewall, one that a bridge
    /// forwards does both by the bridge.
    /// </summary>
    /// <param name="Links">The names of links that are asked for, and whether they are to be others.</param>
    /// <param name="Verdict">What becomes of the frame.</param>
    /// <param name="Target">The chain that it goes on in.</param>
    private sealed record Rule(
        IReadOnlyList<(IReadOnlyList<string> Names, bool AreOthers)> Links,
        string Verdict,
        string? Target
    )
    {
        /// <summary>Whether it is for what a bridge forwards.</summary>
        public bool Takes(string bridge)
        {
            return Links.All(link => link.Names.Any(IsIt) != link.AreOthers);

            bool IsIt(string name) =>
                name.EndsWith('*')
                    ? bridge.StartsWith(name[..^1], StringComparison.Ordinal)
                    : name == bridge;
        }

        /// <summary>Reads a rule; null for one that depends on more, or decides nothing.</summary>
        public static Rule? Of(JsonElement rule)
        {
            var links = new List<(IReadOnlyList<string>, bool)>();
            foreach (
                var part in rule.TryGetProperty("expr", out var parts) ? parts.EnumerateArray() : []
            )
            {
                var statement = part.EnumerateObject().First();
                switch (statement.Name)
                {
                    case "match":
                        if (LinksOf(statement.Value) is not { } names)
                        {
                            return null;
                        }
                        links.Add((names, statement.Value.GetProperty("op").GetString() == "!="));
                        break;
                    case "counter" or "log" or "comment":
                        break;
                    case "accept" or "drop" or "return":
                        return new Rule(links, statement.Name, null);
                    case "reject":
                        return new Rule(links, "drop", null);
                    case "jump" or "goto":
                        return new Rule(
                            links,
                            statement.Name,
                            statement.Value.GetProperty("target").GetString()
                        );
                    // What nft does not know of iptables: whether a frame is bridged is all that is asked of physdev in such a chain.
                    case "xt" when NameOf(statement.Value) == "physdev":
                        break;
                    case "xt" when NameOf(statement.Value) == "REJECT":
                        return new Rule(links, "drop", null);
                    default:
                        return null;
                }
            }
            return null;
        }

        private static string? NameOf(JsonElement value) =>
            value.ValueKind is JsonValueKind.Object && value.TryGetProperty("name", out var name)
                ? name.GetString()
                : null;

        /// <summary>The names of links that a match asks for; null for one that asks for anything else.</summary>
        private static IReadOnlyList<string>? LinksOf(JsonElement match)
        {
            if (
                match.GetProperty("left") is not { ValueKind: JsonValueKind.Object } left
                || !left.TryGetProperty("meta", out var meta)
                || meta.GetProperty("key").GetString() is not ("iifname" or "oifname")
            )
            {
                return null;
            }
            var right = match.GetProperty("right");
            return right.ValueKind switch
            {
                JsonValueKind.String => [right.GetString()!],
                JsonValueKind.Object when right.TryGetProperty("set", out var set) =>
                [
                    .. set.EnumerateArray()
                        .Where(one => one.ValueKind is JsonValueKind.String)
                        .Select(one => one.GetString()!),
                ],
                _ => null,
            };
        }
    }
}
