using System.ComponentModel;
using System.Runtime.InteropServices;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Writes and removes IPsec policies in the kernel by a netlink socket (linux/xfrm.h, netlink(7)), in the calling thread's
/// network namespace. Nothing else may begin before the guard stands, and starting a program would take longer than writing all
/// policies.
/// </summary>
internal static class PolicyWriter
{
    // linux/xfrm.h.
    private const ushort New = 0x13;
    private const ushort Delete = 0x14;
    private const ushort Update = 0x19;

    // linux/netlink.h: one that is there already is an error.
    private const ushort CreateOnly = 0x600;

    /// <summary>Carries the commands out in order. Removing a policy that is gone already is no error.</summary>
    /// <param name="commands">All have a <see cref="LinkCommand.Policy"/>.</param>
    /// <exception cref="LinkBatchException">The kernel refused one; those before it have been carried out.</exception>
    public static void Write(IReadOnlyList<LinkCommand> commands)
    {
        try
        {
            using var socket = Netlink.Open(Netlink.XfrmProtocol);
            foreach (var command in commands)
            {
                Write(socket, command);
            }
        }
        catch (Win32Exception exception)
        {
            throw Failure(commands[0], exception);
        }
    }

    private static void Write(SafeHandle socket, LinkCommand command)
    {
        var (action, policy) = command.Policy!.Value;
        try
        {
            switch (action)
            {
                case ChangeAction.Add:
                    Netlink.Tell(socket, New, XfrmMessage.OfPolicy(policy), CreateOnly);
                    break;
                case ChangeAction.Set:
                    Netlink.Tell(socket, Update, XfrmMessage.OfPolicy(policy));
                    break;
                default:
                    Netlink.Tell(socket, Delete, XfrmMessage.IdOfPolicy(policy));
                    break;
            }
        }
        catch (Win32Exception exception)
            when (action is ChangeAction.Remove && exception.NativeErrorCode == Libc.NoSuchFile)
        {
            // Somebody else was faster.
        }
        catch (Win32Exception exception)
        {
            throw Failure(command, exception);
        }
    }

    private static LinkBatchException Failure(LinkCommand command, Win32Exception exception) =>
        new($"`{command}` failed: {exception.Message}", command, exception);
}
