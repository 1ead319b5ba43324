using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Weft.Agent;

/// <summary>
/// Keeps connections that prove nothing from taking all places of a listener: one address has a few at a time, and of IPv6 one
/// network, in which a machine gives itself as many addresses as it likes.
/// </summary>
/// <param name="most">How many one has.</param>
internal sealed class FairShare(int most)
{
    private const int NetworkBytes = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> taken = [];

    /// <summary>Ends connections that are more than that.</summary>
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

    /// <summary>To whom an address counts.</summary>
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
