using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Weft.Core.Linux;

namespace Weft.Health;

/// <summary>A chain of a host's firewall.</summary>
internal readonly record struct FirewallChain(string Family, string Table, string Name)
{
    /// <summary>Names it in words.</summary>
    public override string ToString() => $"chain {Name} of table {Family} {Table}";
}

/// <summary>What is known of a packet that a firewall judges; it begins a new connection.</summary>
/// <param name="Family">Its version of IP.</param>
internal sealed record FirewallPacket(AddressFamily Family)
{
    /// <summary>The link that it comes by.</summary>
    public string? In { get; init; }

    /// <summary>The link that it leaves by.</summary>
    public string? Out { get; init; }

    /// <summary>Whether it is bridged rather than routed.</summary>
    public bool IsBridged { get; init; }

    /// <summary>
    /// Whether it is judged as a frame, by the chains that always see bridged traffic (nft(8), family <c>bridge</c>).
    /// <see cref="In"/> and <see cref="Out"/> are then bridges; which of their ports it uses is unknown.
    /// </summary>
    public bool IsFrame { get; init; }

    /// <summary>Whether it was decrypted here; null where that is unknown.</summary>
    public bool? IsDecrypted { get; init; }

    /// <summary>Its IP protocol number.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Its destination port.</summary>
    public ushort? Port { get; init; }

    /// <summary>Its source address.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>Its destination address.</summary>
    public IPAddress? Destination { get; init; }

    /// <summary>Whether it meets a condition on anything else; null where it may.</summary>
    public bool? Otherwise { get; init; }
}

/// <summary>A host's firewall: its rules as nft lists them, iptables' among them, and what they do with a packet.</summary>
internal sealed class Firewall
{
    private static readonly Dictionary<string, byte> Protocols = new(StringComparer.Ordinal)
    {
        ["icmp"] = 1,
        ["tcp"] = 6,
        ["udp"] = 17,
        ["gre"] = 47,
        ["esp"] = 50,
        ["ah"] = 51,
        ["icmpv6"] = 58,
        ["ipv6-icmp"] = 58,
        ["sctp"] = 132,
    };

    private readonly Dictionary<FirewallChain, Chain> chains = [];
    private readonly Dictionary<FirewallChain, JsonElement> sets = [];

    /// <summary>A firewall with rules as <c>nft -j list ruleset</c> writes them (libnftables-json(5)).</summary>
    /// <param name="ruleset">That output; null where there is none.</param>
    /// <param name="whyUnknown">Why there is none.</param>
    public Firewall(string? ruleset, string? whyUnknown = null)
    {
        WhyUnknown = whyUnknown;
        if (ruleset is null)
        {
            return;
        }
        try
        {
            using var listed = JsonDocument.Parse(ruleset);
            foreach (var one in listed.RootElement.GetProperty("nftables").EnumerateArray())
            {
                Add(one);
            }
            WhyUnknown = null;
        }
        catch (Exception exception)
            when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            WhyUnknown = $"what nft says cannot be understood: {exception.Message}";
        }
    }

    /// <summary>What may become of a packet; several flags where that depends on what is unknown of it.</summary>
    [Flags]
    private enum Fate
    {
        None = 0,
        Accepted = 1,
        Dropped = 2,

        /// <summary>The chain does not decide.</summary>
        Undecided = 4,

        /// <summary>It depends on a rule that nft does not show completely.</summary>
        Untold = 8,
    }

    /// <summary>Why the rules are not known; null where they are.</summary>
    public string? WhyUnknown { get; }

    /// <summary>Whether ufw manages the rules: it would not know of one that is added without it.</summary>
    public bool IsKeptByUfw => chains.Keys.Any(chain => chain.Name is "ufw-user-input");

    /// <summary>Reads this host's firewall.</summary>
    public static async Task<Firewall> ReadAsync(CancellationToken cancellationToken)
    {
        if (HasLegacyRules)
        {
            return new Firewall(null, "`iptables-legacy -S` and `ip6tables-legacy -S` say so");
        }
        if (Tool.Find("nft") is null)
        {
            // Without a program that makes rules there are none.
            return Tool.Find("iptables") is null
                ? new Firewall("""{"nftables":[]}""")
                : new Firewall(
                    null,
                    "install nftables, by which Weft sees it, or look at `iptables -S` and `ip6tables -S`"
                );
        }
        try
        {
            var listed = await Tool.RunAsync(
                ["nft", "-j", "list", "ruleset"],
                cancellationToken: cancellationToken
            );
            return listed.ExitCode == 0
                ? new Firewall(listed.Output)
                : new Firewall(null, $"nft refused to: {listed.Errors.Trim()}");
        }
        catch (Win32Exception exception)
        {
            return new Firewall(null, $"nft does not start: {exception.Message}");
        }
    }

    /// <summary>Decides what becomes of a packet, as far as the rules tell.</summary>
    /// <param name="hook">Where in the kernel it is judged: <c>input</c>, <c>forward</c>; a frame also at <c>prerouting</c> and <c>postrouting</c>.</param>
    /// <param name="packet">The packet.</param>
    /// <returns>
    /// The chain that certainly drops it, or why it is not known whether one does; both null where none does.
    /// </returns>
    public (FirewallChain? Dropping, string? WhyUnknown) Judge(string hook, FirewallPacket packet)
    {
        if (WhyUnknown is not null)
        {
            return (null, WhyUnknown);
        }
        var isIPv4 = packet.Family is AddressFamily.InterNetwork;
        string[] families = packet.IsFrame ? ["bridge"] : [isIPv4 ? "ip" : "ip6", "inet"];
        string? untold = null;
        foreach (
            var (key, chain) in chains.Where(one =>
                one.Value.Hook == hook && families.Contains(one.Key.Family)
            )
        )
        {
            var fate = Follow(key, packet);
            if (fate.HasFlag(Fate.Undecided))
            {
                fate =
                    fate & ~Fate.Undecided
                    | (chain.Policy == "drop" ? Fate.Dropped : Fate.Accepted);
            }
            // A packet that one chain accepts may still be dropped by another at the same hook.
            if ((fate & ~Fate.Untold) == Fate.Dropped)
            {
                return (key, null);
            }
            if (fate.HasFlag(Fate.Untold) && fate.HasFlag(Fate.Dropped))
            {
                untold ??=
                    $"nft before 1.0.6 does not tell what rules of iptables ask for, as in {key}: look at `{(isIPv4 ? "iptables" : "ip6tables")} -S`";
            }
        }
        return (null, untold);
    }

    private Fate Follow(FirewallChain chain, FirewallPacket packet)
    {
        try
        {
            return Walk(chain, packet, []);
        }
        catch (Exception exception)
            when (exception is InvalidOperationException or KeyNotFoundException)
        {
            // A statement of a shape that no nft writes today may do anything.
            return Fate.Accepted | Fate.Dropped;
        }
    }

    // The tables of the kernel's older interface (iptables-legacy), which nft does not list.
    private static bool HasLegacyRules =>
        IsFilled("/proc/net/ip_tables_names") || IsFilled("/proc/net/ip6_tables_names");

    private static bool IsFilled(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim().Length > 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Add(JsonElement listed)
    {
        if (listed.TryGetProperty("chain", out var chain))
        {
            chains[Key(chain, "name")] = new Chain(
                TextOf(chain, "hook"),
                TextOf(chain, "policy") ?? "accept"
            );
        }
        else if (listed.TryGetProperty("set", out var set))
        {
            if (set.TryGetProperty("elem", out var elements))
            {
                sets[Key(set, "name")] = elements.Clone();
            }
        }
        else if (
            listed.TryGetProperty("rule", out var rule)
            && chains.TryGetValue(Key(rule, "chain"), out var its)
            && rule.TryGetProperty("expr", out var expressions)
        )
        {
            its.Rules.Add(expressions.Clone());
        }

        static FirewallChain Key(JsonElement of, string name) =>
            new(
                of.GetProperty("family").GetString()!,
                of.GetProperty("table").GetString()!,
                of.GetProperty(name).GetString()!
            );
    }

    /// <summary>What becomes of a packet in a chain.</summary>
    /// <param name="key">The chain.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="walked">
    /// The fates of chains so far; a chain that is still being walked is undecided, as the kernel allows no loops.
    /// </param>
    private Fate Walk(
        FirewallChain key,
        FirewallPacket packet,
        Dictionary<FirewallChain, Fate> walked
    )
    {
        if (!walked.TryAdd(key, Fate.Undecided))
        {
            return walked[key];
        }
        var fates = Fate.None;
        foreach (var rule in chains.GetValueOrDefault(key)?.Rules ?? [])
        {
            foreach (var (meets, verdict) in Outcomes(key, rule, packet))
            {
                if (meets is false)
                {
                    continue;
                }
                var fate = verdict.Name switch
                {
                    "accept" => Fate.Accepted,
                    "drop" or "reject" => Fate.Dropped,
                    "jump" or "goto" => Walk(key with { Name = verdict.Target }, packet, walked),
                    "return" => Fate.Undecided,
                    _ => Fate.Accepted | Fate.Dropped | Fate.Undecided,
                };
                var comesBack = verdict.Name is "jump" && fate.HasFlag(Fate.Undecided);
                fates |= comesBack ? fate & ~Fate.Undecided : fate;
                fates |= IsUntold(rule) ? Fate.Untold : Fate.None;
                if (meets is true && !comesBack)
                {
                    return walked[key] = fates;
                }
            }
        }
        return walked[key] = fates | Fate.Undecided;
    }

    /// <summary>
    /// The verdicts that a rule may give, each with whether the packet meets its conditions: null where it may.
    /// </summary>
    private IEnumerable<(bool? Meets, (string Name, string Target) Verdict)> Outcomes(
        FirewallChain chain,
        JsonElement rule,
        FirewallPacket packet
    )
    {
        bool? meets = true;
        var (asksForState, asksForMore) = (false, false);
        foreach (
            var statement in rule.EnumerateArray().Select(part => part.EnumerateObject().First())
        )
        {
            switch (statement.Name)
            {
                // A match that nft does not show, or a target that may do anything.
                case "xt" when statement.Value.ValueKind is not JsonValueKind.Object:
                    meets = And(meets, null);
                    break;
                case "match":
                    asksForMore = true;
                    meets = And(meets, Meets(chain, statement.Value, packet));
                    break;
                case "accept" or "drop" or "return" or "reject" or "jump" or "goto" or "queue":
                    yield return (State(meets), VerdictOf(statement));
                    yield break;
                case "vmap" when DataOf(statement.Value) is { } data:
                    foreach (
                        var pair in data.EnumerateArray()
                            .Select(pair => (Key: pair[0], Verdict: pair[1]))
                    )
                    {
                        yield return (
                            And(
                                State(meets),
                                IsOneOf(chain, statement.Value.GetProperty("key"), pair.Key, packet)
                            ),
                            VerdictOf(pair.Verdict.EnumerateObject().First())
                        );
                    }
                    break;
                case "vmap":
                    yield return (And(State(meets), packet.Otherwise), ("", ""));
                    break;
                // Extensions of iptables that nft has no words for: it tells only their names.
                case "xt" when TextOf(statement.Value, "type") == "target":
                    if (TextOf(statement.Value, "name") is "REJECT" or "NFQUEUE")
                    {
                        yield return (
                            State(meets),
                            (TextOf(statement.Value, "name") is "REJECT" ? "drop" : "queue", "")
                        );
                        yield break;
                    }
                    break;
                case "xt" when TextOf(statement.Value, "name") is "conntrack" or "state":
                    asksForState = true;
                    break;
                case "xt" when TextOf(statement.Value, "name") is "comment":
                case "xt" when packet.IsBridged && TextOf(statement.Value, "name") is "physdev":
                case "counter" or "log" or "mangle" or "comment":
                    break;
                // Anything else may depend on what is unknown here, such as how many such packets there were.
                default:
                    asksForMore = true;
                    meets = And(meets, packet.Otherwise);
                    break;
            }
        }
        if (IsUntold(rule))
        {
            yield return (meets, ("", ""));
        }

        // A rule whose only condition is the state is taken to be for answers or invalid packets; one with further conditions may
        // be for new connections.
        bool? State(bool? rest) =>
            !asksForState ? rest
            : asksForMore ? And(rest, packet.Otherwise)
            : false;
    }

    // nft before 1.0.6 writes every match and every target of iptables as `{"xt": null}`.
    private static bool IsUntold(JsonElement rule) =>
        rule.EnumerateArray()
            .Any(part =>
                part.TryGetProperty("xt", out var told)
                && told.ValueKind is not JsonValueKind.Object
            );

    private static JsonElement? DataOf(JsonElement map) =>
        map.TryGetProperty("data", out var data)
        && data.ValueKind is JsonValueKind.Object
        && data.TryGetProperty("set", out var pairs)
            ? pairs
            : null;

    private static (string Name, string Target) VerdictOf(JsonProperty statement) =>
        (statement.Name, TextOf(statement.Value, "target") ?? "");

    private bool? Meets(FirewallChain chain, JsonElement match, FirewallPacket packet) =>
        TextOf(match, "op") switch
        {
            ("==" or "in" or "!=") and var op => IsOneOf(
                chain,
                match.GetProperty("left"),
                match.GetProperty("right"),
                packet,
                isOther: op is "!="
            ),
            _ => packet.Otherwise,
        };

    /// <summary>
    /// Evaluates left == right, or != with <paramref name="isOther"/>. An unknown value gives unknown for both; a field that the
    /// packet does not have satisfies neither.
    /// </summary>
    private bool? IsOneOf(
        FirewallChain chain,
        JsonElement asked,
        JsonElement named,
        FirewallPacket packet,
        bool isOther = false
    ) =>
        ValueOf(asked, packet) switch
        {
            Absent => false,
            null => packet.Otherwise,
            var value => Is(chain, value, named) is { } isIt ? isIt != isOther : packet.Otherwise,
        };

    /// <summary>
    /// The packet's value for what a rule asks for: null where it is unknown, and <see cref="Absent"/> where such a packet has
    /// none.
    /// </summary>
    private static object? ValueOf(JsonElement asked, FirewallPacket packet)
    {
        if (asked.ValueKind is not JsonValueKind.Object)
        {
            return null;
        }
        var kind = asked.EnumerateObject().First();
        return (
            kind.Name,
            TextOf(kind.Value, "protocol"),
            TextOf(kind.Value, "key") ?? TextOf(kind.Value, "field")
        ) switch
        {
            ("meta", _, "iifname" or "iif" or "oifname" or "oif") when packet.IsFrame => null,
            ("meta", _, "ibrname") when packet.IsFrame => packet.In,
            ("meta", _, "obrname") when packet.IsFrame => packet.Out,
            ("payload", "ether", "type") or ("meta", _, "protocol") => packet.Family
            is AddressFamily.InterNetwork
                ? "ip"
                : "ip6",
            ("meta", _, "iifname" or "iif") => packet.In ?? (object)Absent.Value,
            ("meta", _, "oifname" or "oif") => packet.Out ?? (object)Absent.Value,
            ("meta", _, "l4proto") => packet.Protocol,
            ("meta", _, "nfproto") => packet.Family is AddressFamily.InterNetwork ? "ipv4" : "ipv6",
            ("meta", _, "ipsec" or "secpath") => packet.IsDecrypted,
            ("ct", _, "state") => "new",
            ("payload", "ip", _) when packet.Family is not AddressFamily.InterNetwork =>
                Absent.Value,
            ("payload", "ip6", _) when packet.Family is AddressFamily.InterNetwork => Absent.Value,
            ("payload", "ip" or "ip6", "protocol" or "nexthdr") => packet.Protocol,
            ("payload", "ip" or "ip6", "saddr") => packet.Source,
            ("payload", "ip" or "ip6", "daddr") => packet.Destination,
            ("payload", { } protocol, _)
                when packet.Protocol is { } own
                    && Protocols.TryGetValue(protocol, out var number)
                    && number != own => Absent.Value,
            ("payload", "udp" or "tcp" or "th", "dport") => packet.Port,
            _ => null,
        };
    }

    /// <summary>Whether a value is among those that a rule names; null where that is unknown.</summary>
    private bool? Is(FirewallChain chain, object value, JsonElement named)
    {
        switch (named.ValueKind)
        {
            case JsonValueKind.Array:
                return Any(named);
            case JsonValueKind.Object:
                var kind = named.EnumerateObject().First();
                return kind.Name switch
                {
                    "set" when kind.Value.ValueKind is JsonValueKind.Array => Any(kind.Value),
                    "elem" when kind.Value.TryGetProperty("val", out var element) => Is(
                        chain,
                        value,
                        element
                    ),
                    "range" when kind.Value.EnumerateArray().ToArray() is [var from, var to] =>
                        IsBetween(value, from, to),
                    "prefix" when value is IPAddress address => IPNetwork.TryParse(
                        $"{TextOf(kind.Value, "addr")}/{kind.Value.GetProperty("len")}",
                        out var prefix
                    )
                        ? prefix.Contains(address)
                        : null,
                    _ => null,
                };
            case JsonValueKind.String when named.GetString() is ['@', .. var set]:
                return sets.TryGetValue(chain with { Name = set }, out var elements)
                    ? Any(elements)
                    : null;
            default:
                return IsSame(value, named);
        }

        bool? Any(JsonElement several)
        {
            bool? any = false;
            foreach (var one in several.EnumerateArray())
            {
                if (Is(chain, value, one) is not { } isIt)
                {
                    any = null;
                }
                else if (isIt)
                {
                    return true;
                }
            }
            return any;
        }
    }

    private static bool? IsSame(object value, JsonElement named) =>
        (value, named.ValueKind) switch
        {
            (bool flag, JsonValueKind.True or JsonValueKind.False) => flag == named.GetBoolean(),
            (IPAddress address, JsonValueKind.String) => IPAddress.TryParse(
                named.GetString(),
                out var other
            )
                ? address.Equals(other)
                : null,
            (string link, JsonValueKind.String) when named.GetString() is [.. var start, '*'] =>
                link.StartsWith(start, StringComparison.Ordinal),
            (string text, JsonValueKind.String) => text == named.GetString(),
            (byte or ushort, _) => NumberOf(named) is { } number
                ? Convert.ToInt64(value) == number
                : null,
            _ => null,
        };

    private static bool? IsBetween(object value, JsonElement from, JsonElement to) =>
        value is IPAddress address
            ? IPAddress.TryParse(from.ToString(), out var first)
            && IPAddress.TryParse(to.ToString(), out var last)
                ? Compare(first, address) <= 0 && Compare(address, last) <= 0
                : null
            : value is byte or ushort && (NumberOf(from), NumberOf(to)) is ({ } low, { } high)
                ? Convert.ToInt64(value) is var number && low <= number && number <= high
                : null;

    private static int Compare(IPAddress one, IPAddress other) =>
        one.GetAddressBytes().AsSpan().SequenceCompareTo(other.GetAddressBytes());

    private static long? NumberOf(JsonElement named) =>
        named.ValueKind is JsonValueKind.Number && named.TryGetInt64(out var number) ? number
        : named.ValueKind is JsonValueKind.String
        && Protocols.TryGetValue(named.GetString()!, out var protocol)
            ? protocol
        : null;

    private static bool? And(bool? one, bool? other) =>
        one is false || other is false ? false
        : one is true && other is true ? true
        : null;

    private static string? TextOf(JsonElement of, string name) =>
        of.ValueKind is JsonValueKind.Object
        && of.TryGetProperty(name, out var value)
        && value.ValueKind is JsonValueKind.String
            ? value.GetString()
            : null;

    private sealed record Chain(string? Hook, string Policy)
    {
        public List<JsonElement> Rules { get; } = [];
    }

    private sealed class Absent
    {
        public static readonly Absent Value = new();
    }
}
