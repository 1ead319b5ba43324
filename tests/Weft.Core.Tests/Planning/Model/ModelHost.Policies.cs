using System.Collections.Immutable;
using System.Net;
using Weft.Core.Observation;

namespace Weft.Core.Tests.Planning.Model;

// The kernel's IPsec policies: one of a direction and selector, whatever its priority.
internal sealed partial class ModelHost
{
    private ImmutableList<XfrmPolicy> policies = [];

    public IEnumerable<XfrmPolicy> Policies => policies;

    /// <summary>Runs one command of ip-xfrm(8), without the words <c>ip xfrm policy</c>.</summary>
    private void Policy(Words words)
    {
        var verb = words.Next();
        var selector = new XfrmSelector(
            IPNetwork.Parse(words.After("src")),
            IPNetwork.Parse(words.After("dst")),
            Protocol: 0
        );
        var policy = new XfrmPolicy
        {
            Direction = default,
            Selector = selector,
            Priority = 0,
        };
        while (words.More)
        {
            policy = words.Next() switch
            {
                "proto" => Select(selector => selector with { Protocol = Protocol(words.Next()) }),
                "sport" => Select(selector =>
                    selector with
                    {
                        SourcePort = (ushort)words.Number(),
                    }
                ),
                "dport" => Select(selector =>
                    selector with
                    {
                        DestinationPort = (ushort)words.Number(),
                    }
                ),
                "dir" => policy with { Direction = Direction(words.Next()) },
                "action" => policy with { Blocks = words.Next() == "block" },
                "priority" => policy with { Priority = (uint)words.Number() },
                "tmpl" => policy with { Encrypts = words.After("proto") == "esp" },
                _ => throw words.Unknown(),
            };
        }
        var there = policies.Find(other =>
            other.Direction == policy.Direction && other.Selector == policy.Selector
        );
        policies = (verb, there) switch
        {
            ("add", null) or ("update", null) => policies.Add(policy),
            ("add", _) => throw new RefusedException("RTNETLINK answers: File exists"),
            ("update", _) => policies.Replace(there, policy),
            ("delete", null) => throw new RefusedException(
                "RTNETLINK answers: No such file or directory"
            ),
            ("delete", _) => policies.Remove(there),
            _ => throw words.Unknown(),
        };

        XfrmPolicy Select(Func<XfrmSelector, XfrmSelector> set) =>
            policy with
            {
                Selector = set(policy.Selector),
            };

        byte Protocol(string name) =>
            name switch
            {
                "gre" => 47,
                "udp" => 17,
                _ => throw words.Unknown(),
            };

        XfrmDirection Direction(string name) =>
            name switch
            {
                "in" => XfrmDirection.In,
                "out" => XfrmDirection.Out,
                _ => throw words.Unknown(),
            };
    }
}
