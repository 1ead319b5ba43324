using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>A command that a real host would refuse, with its words.</summary>
internal sealed class RefusedException(string message) : Exception(message);

/// <summary>
/// One host in memory: the kernel's links (<c>ModelHost.Links.cs</c>) and policies (<c>ModelHost.Policies.cs</c>), Open vSwitch's database and daemon
/// (<c>ModelHost.Switch.cs</c>), strongSwan's daemon (<c>ModelHost.StrongSwan.cs</c>), and a shell in front of them all (<c>ModelHost.Shell.cs</c>). It knows the commands
/// that plans are made of and refuses what a real host refuses; any other word fails the test.
/// </summary>
internal sealed partial class ModelHost(bool kernelDatapath, params IEnumerable<string> namespaces)
{
    private readonly ImmutableSortedSet<string> namespaces = [.. namespaces];
    private ImmutableDictionary<(string? Namespace, string Name), ModelLink> links =
        ImmutableDictionary<(string? Namespace, string Name), ModelLink>.Empty;
    private ImmutableHashSet<string> withoutIpv6 = [];
    private int lastIndex;

    public bool KernelDatapath { get; } = kernelDatapath;

    public IEnumerable<ModelLink> Links => links.Values.OrderBy(link => link.Index);

    public ModelHost Clone() =>
        new(KernelDatapath, namespaces)
        {
            links = links,
            withoutIpv6 = withoutIpv6,
            policies = policies,
            connections = connections,
            keys = keys,
            authorities = authorities,
            lastIndex = lastIndex,
            tables = tables,
            lastRow = lastRow,
            lastPort = lastPort,
        };

    public HostObservation Observe()
    {
        var byNamespace = links.Values.ToLookup(link => link.Namespace ?? "");
        return new HostObservation
        {
            KernelDatapath = KernelDatapath,
            Switch = ObserveSwitch(),
            Guard = new GuardObservation([.. policies]),
            StrongSwan = ObserveStrongSwan(),
            Credentials = Credentials,
            Links = In(""),
            Containers = namespaces
                .Select(ContainerSighting.OfNamespace)
                .ToImmutableDictionary(container => container.Key),
            Inside = namespaces.ToImmutableDictionary(
                name => new ContainerKey(Engine.Netns, name),
                In
            ),
        };

        IReadOnlyDictionary<string, Link> In(string name) =>
            byNamespace[name]
                .ToImmutableDictionary(
                    link => link.Name,
                    link => link.Observe(link.Peer is { } peer ? links[peer] : null)
                );
    }

    public Plan PlanFor(HostIntent intent) => Planner.Plan(intent, Observe());

    /// <summary>Plans and carries the plan out, in one round.</summary>
    public Plan Apply(HostIntent intent)
    {
        var plan = PlanFor(intent);
        Assert.Empty(plan.Conflicts);
        foreach (var step in Steps(plan))
        {
            step();
        }
        return plan;
    }

    /// <summary>What carrying out a plan consists of, piece by piece; a crash may come between any two.</summary>
    public IEnumerable<Action> Steps(Plan plan)
    {
        var seen = Observe().Switch;
        foreach (var step in AtStage(Stage.First).Concat(AtStage(Stage.BeforeSwitch)))
        {
            yield return step;
        }
        var changes = plan.Changes.OfType<SwitchChange>().ToList();
        if (changes.Count > 0)
        {
            yield return () => Transact(SwitchTransaction.Build(changes, seen, "test"));
        }
        foreach (var step in AtStage(Stage.AfterSwitch).Concat(AtStage(Stage.Last)))
        {
            yield return step;
        }

        IEnumerable<Action> AtStage(Stage stage) =>
            [
                .. plan.IpsecOf(stage).Select(change => (Action)(() => Load(change))),
                .. plan.LinesOf(stage).Select(line => (Action)(() => Run(line))),
                .. plan.ChecksumsOf(stage)
                    .Select(change =>
                        (Action)(
                            () => SetChecksums(change.Namespace, change.Link, change.LeavesUndone)
                        )
                    ),
            ];
    }

    private void Run(LinkCommand command)
    {
        if (command.IsSetting)
        {
            Sysctl(command.Namespace, command.Line);
        }
        else
        {
            Ip(command.Namespace, command.Line.Split(' '));
        }
    }

    /// <summary>Everything that is on the host, one line a thing, without the numbers that differ from host to host.</summary>
    public string Describe() =>
        string.Join(
            '\n',
            links
                .Values.Select(Describe)
                .Concat(policies.Select(policy => Describe(policy)))
                .Concat(DescribeSwitch())
                .Concat(DescribeStrongSwan())
                .Order(StringComparer.Ordinal)
        );

    private static string Describe(XfrmPolicy policy) =>
        $"policy {policy} blocks {policy.Blocks} encrypts {policy.Encrypts} priority {policy.Priority}";

    private string Describe(ModelLink link)
    {
        // Where the kernel makes link-local addresses, they tell of the link's past.
        var addresses = link
            .Addresses.Where(address => link.NoLinkLocal || !ModelLink.IsLinkLocal(address))
            .Select(address => address.ToString())
            .Order(StringComparer.Ordinal);
        var peer = link.Peer is { } key ? $"{key.Namespace}/{key.Name}" : "";
        return $"link {link.Namespace}/{link.Name} {link.Kind} {link.Mac} mtu {link.Mtu} up {link.Up} master {link.Master} alias {link.Alias} peer {peer} "
            + $"stp {link.Stp} {link.ForwardDelay} blocks {link.IsBlockingRoot} snoops {link.SnoopsMulticast} forwards {link.Forwards} silent {link.NoLinkLocal} advertised {link.TakesAdvertisements} off {link.IsIpv6Off} filter {link.ReversePathFilter} undone {link.LeavesChecksumsUndone} [{string.Join(' ', addresses)}] "
            + $"[{string.Join(", ", link.Routes.Select(route => $"{route} proto {route.Protocol}").Order(StringComparer.Ordinal))}]";
    }

    private static MacAddress Mac(string text) =>
        MacAddress.TryParse(text, out var mac)
            ? mac
            : throw new RefusedException($"\"{text}\" is invalid lladdr.");
}
