using System.Buffers.Binary;
using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;

namespace Weft.Health;

/// <summary>Looks for other machines and containers that have an address of this host or of one of its containers.</summary>
internal static class AddressProbe
{
    private const int Times = 3;
    private const int LargestFrame = 2048;

    // Each socket receives all ARP of its link, other questions included: with more at once, answers would be missed.
    private const int MostAtOnce = 64;
    private const int MostNamed = 12;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    /// <summary>Asks for all addresses, many at the same time, each on the link that has it.</summary>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="seen">What it looks like.</param>
    /// <param name="only">The one address to ask for; null for all.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<IReadOnlyList<Finding>> AskAsync(
        HostIntent intent,
        HostObservation seen,
        IPAddress? only,
        CancellationToken cancellationToken
    )
    {
        var held = Held(intent, seen)
            .Where(one => only is null || one.Address.Equals(only))
            .ToList();
        // A host answers on any of its links for the addresses of all of them.
        var own = seen.Links.Values.Select(link => link.Mac).OfType<MacAddress>().ToHashSet();
        using var places = new SemaphoreSlim(MostAtOnce);
        var findings = (await Task.WhenAll(held.Select(InTurnAsync))).OfType<Finding>().ToList();
        return findings.Count > 0 || held.Count == 0
            ? findings
            :
            [
                new Finding(
                    "addresses",
                    Verdict.Well,
                    $"nobody else has one of {string.Join(", ", held.Take(MostNamed).Select(one => one.Address))}{(held.Count > MostNamed ? $" and {held.Count - MostNamed} more" : "")}"
                ),
            ];

        async Task<Finding?> InTurnAsync(HeldAddress one)
        {
            await places.WaitAsync(cancellationToken);
            try
            {
                return await AskAsync(one, own, intent, cancellationToken);
            }
            finally
            {
                places.Release();
            }
        }
    }

    private static IEnumerable<HeldAddress> Held(HostIntent intent, HostObservation seen)
    {
        var underlay = intent.Underlay is { } own ? seen.LinkWith(own) : null;
        var onHost = intent.LinksIntoNetworks.SelectMany(link =>
            link.Addresses.Select(one =>
                (
                    Container: (ContainerSighting?)null,
                    Link: seen.Links.GetValueOrDefault(link.Name),
                    one.Address
                )
            )
        );
        var inContainers = intent.Attachments.SelectMany(one =>
            one.Addresses.Select(address =>
                (
                    Container: seen.Containers.GetValueOrDefault(one.Key),
                    Link: seen.Inside.GetValueOrDefault(one.Key)?.GetValueOrDefault(one.Interface),
                    address.Address
                )
            )
        );
        return from one in onHost
                .Concat(inContainers)
                .Prepend((Container: null, Link: underlay, Address: intent.Underlay!))
            where one.Link is { Up: true, Mac: not null }
            select new HeldAddress(one.Container, one.Link, one.Address, one.Link == underlay);
    }

    private static async Task<Finding?> AskAsync(
        HeldAddress held,
        HashSet<MacAddress> own,
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        var holder = held.Container is { } container
            ? $"container '{container.Key.Name}'"
            : "this host";
        try
        {
            return await OtherAsync(held, own, cancellationToken) is { } other
                ? new Finding(
                    "addresses",
                    Verdict.Wrong,
                    $"{held.Address} of {holder} is also somebody else's, whose Ethernet address is {other}: what is sent to it reaches the one or the other. Take it from one of them; "
                        + (
                            held.IsUnderlay
                                ? $"{held.Link.Name} is the link to find it on"
                                : $"`ovs-appctl fdb/show {intent.Switch!.Name}` says by which port {other} is reached"
                        )
                )
                : null;
        }
        catch (Exception exception)
            when (exception is SocketException or Win32Exception or FileNotFoundException)
        {
            return new Finding(
                "addresses",
                Verdict.Doubtful,
                $"whether anybody else has {held.Address} of {holder} could not be asked: {exception.Message}"
            );
        }
    }

    /// <summary>Asks up to three times.</summary>
    /// <returns>The Ethernet address of somebody else who has the address; null if nobody answers.</returns>
    private static async Task<MacAddress?> OtherAsync(
        HeldAddress held,
        HashSet<MacAddress> own,
        CancellationToken cancellationToken
    )
    {
        var question = new NeighbourQuestion(held.Address, held.Link.Mac!.Value);
        using var socket = held.Container is { } container
            ? NetworkNamespace.MakeSocket(
                container.Namespace!,
                AddressFamily.Packet,
                SocketType.Raw,
                ProtocolType.Unspecified
            )
            : new Socket(AddressFamily.Packet, SocketType.Raw, ProtocolType.Unspecified);
        socket.Bind(new LinkEndPoint(held.Link.Index, question.EtherType));
        var frame = new byte[LargestFrame];
        for (var time = 0; time < Times; time++)
        {
            await socket.SendAsync(question.Frame(), cancellationToken);
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(Pause);
            try
            {
                while (true)
                {
                    var length = await socket.ReceiveAsync(frame, deadline.Token);
                    if (
                        question.Answer(frame.AsSpan(0, length)) is { } other
                        && !(held.Container is null && own.Contains(other))
                    )
                    {
                        return other;
                    }
                }
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // No answer in time: ask again.
            }
        }
        return null;
    }

    private sealed record HeldAddress(
        ContainerSighting? Container,
        Link Link,
        IPAddress Address,
        bool IsUnderlay
    );

    /// <summary>A link and an EtherType, as a packet socket takes them (packet(7), <c>sockaddr_ll</c>).</summary>
    private sealed class LinkEndPoint(int index, ushort etherType) : EndPoint
    {
        private const int Bytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Bytes);
            Span<byte> words = stackalloc byte[6];
            BinaryPrimitives.WriteUInt16BigEndian(words, etherType);
            BinaryPrimitives.WriteInt32LittleEndian(words[2..], index);
            for (var at = 0; at < words.Length; at++)
            {
                address[2 + at] = words[at];
            }
            return address;
        }
    }
}
