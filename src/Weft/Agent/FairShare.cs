using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Weft.Agent;

/// <summary>
/// Keeps clients that have not proved who they are from taking all places of a listener: each address has a few at a time, and
/// of IPv6 each /64, in which a machine gives itself as many addresses as it likes.
/// </summary>
/// <param name="most">How many each has.</param>
internal sealed class FairShare(int most)
{
    private const int NetworkBytes = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> taken = [];

    /// <summary>Ends connections beyond that.</summary>
    public ConnectionDelegate Limit(ConnectionDelegate next) =>
        async connection =>
        {
            if (connection.RemoteEndPoint is not IPEndPoint { Address: var address })
            {
                await next(connection);
                return;
            }
            var whose = WhoseIs(address);
            if (!TryEnter(whose))
            {
                connection.Abort();
                return;
            }
            try
            {
                await next(connection);
            }
            finally
            {
                Leave(whose);
            }
        };

    /// <summary>Takes a place; false where there is none left for this one.</summary>
    internal bool TryEnter(IPAddress whose)
    {
        lock (gate)
        {
            var now = taken.GetValueOrDefault(whose);
            if (now >= most)
            {
                return false;
            }
            taken[whose] = now + 1;
            return true;
        }
    }

    /// <summary>Gives it back.</summary>
    internal void Leave(IPAddress whose)
    {
        lock (gate)
        {
            if (--taken[whose] == 0)
            {
                taken.Remove(whose);
            }
        }
    }

    /// <summary>Whom an address counts for.</summary>
    internal static IPAddress WhoseIs(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
        {
            return address;
        }
        var network = address.GetAddressBytes();
        network.AsSpan(NetworkBytes).Clear();
        return new IPAddress(network);
    }
}
