using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>Does work inside a network namespace (network_namespaces(7)) in this process, without starting another.</summary>
internal static class NetworkNamespace
{
    private const int StackBytes = 256 * 1024;

    // struct statfs has 120 bytes, the kind of file system first, in a word of its own.
    private const int StatWords = 32;

    /// <summary>
    /// Whether a file below <c>/run/netns</c> is a namespace: before and after that it is an ordinary file.
    /// </summary>
    public static bool IsAt(string path)
    {
        Span<long> answer = stackalloc long[StatWords];
        return Libc.FileSystem(path, answer) == 0 && answer[0] == Libc.NamespaceFileSystem;
    }

    /// <summary>Makes a socket in the namespace, for any thread to use.</summary>
    /// <param name="path">The namespace: <c>/run/netns/NAME</c> or <c>/proc/PID/ns/net</c>.</param>
    /// <param name="family">The family of its addresses.</param>
    /// <param name="type">What kind it is.</param>
    /// <param name="protocol">Its protocol.</param>
    /// <exception cref="FileNotFoundException">There is no such namespace.</exception>
    /// <exception cref="Win32Exception">The file is no network namespace, or root's rights are missing.</exception>
    /// <exception cref="SocketException">No such socket can be made there.</exception>
    public static Socket MakeSocket(
        string path,
        AddressFamily family,
        SocketType type,
        ProtocolType protocol
    )
    {
        // The first socket of a process makes the runtime start threads for all of them. If that socket were made in the
        // namespace, those threads would stay there, and so would the programs that are started from them.
        using var first = new Socket(
            AddressFamily.Unix,
            SocketType.Stream,
            ProtocolType.Unspecified
        );
        return Run(path, () => new Socket(family, type, protocol));
    }

    /// <summary>
    /// Runs the action on a thread of its own that has entered the namespace. A socket made there stays in the
    /// namespace and may be used from any thread afterwards; <see cref="MakeSocket"/> makes one.
    /// </summary>
    /// <param name="path">The namespace: <c>/run/netns/NAME</c> or <c>/proc/PID/ns/net</c>.</param>
    /// <param name="action">What to do there.</param>
    /// <exception cref="FileNotFoundException">There is no such namespace.</exception>
    /// <exception cref="Win32Exception">The file is no network namespace, or root's rights are missing.</exception>
    public static T Run<T>(string path, Func<T> action)
    {
        using var handle = Open(path);
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        // The thread has changed for good: it must end here and not return to a pool.
        var thread = new Thread(
            () =>
            {
                try
                {
                    if (Libc.SetNamespace(handle, Libc.CloneNewNet) != 0)
                    {
                        throw new Win32Exception(Marshal.GetLastPInvokeError());
                    }
                    result = action();
                }
#pragma warning disable CA1031 // Whatever happened there is thrown again here.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    failure = ExceptionDispatchInfo.Capture(exception);
                }
            },
            StackBytes
        );
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    private static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (DirectoryNotFoundException exception)
        {
            // When a process has ended, its directory is gone too.
            throw new FileNotFoundException(exception.Message, path, exception);
        }
    }
}
