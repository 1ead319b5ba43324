using System.Runtime.InteropServices;

namespace Weft.Core.Linux;

/// <summary>The calls of the C library that .NET has no name for.</summary>
internal static partial class Libc
{
    public const int SigHup = 1;
    public const int SigKill = 9;
    public const int SigTerm = 15;
    public const int SigUsr1 = 10;
    public const int SigQuit = 3;
    public const int SigInt = 2;
    public const int SigStop = 19;

    /// <summary>The exit code that a shell gives a program that a signal ended (sh(1)), and .NET as well.</summary>
    public static int EndedBy(int signal) => 128 + signal;

    /// <summary>EPERM of errno.h.</summary>
    public const int NotPermitted = 1;

    /// <summary>ENOENT of errno.h.</summary>
    public const int NoSuchFile = 2;

    /// <summary>EINTR of errno.h.</summary>
    public const int Interrupted = 4;

    /// <summary>ENODEV of errno.h.</summary>
    public const int NoSuchDevice = 19;

    /// <summary>EWOULDBLOCK of errno.h.</summary>
    public const int WouldBlock = 11;

    /// <summary>EMSGSIZE of errno.h.</summary>
    public const int MessageTooLong = 90;

    /// <summary>EPROTONOSUPPORT of errno.h.</summary>
    public const int UnknownProtocol = 93;

    /// <summary>EAFNOSUPPORT of errno.h.</summary>
    public const int UnknownFamily = 97;

    /// <summary>ENOBUFS of errno.h.</summary>
    public const int NoBufferSpace = 105;

    /// <summary>F_SETFD of fcntl.h.</summary>
    public const int SetFlags = 2;

    /// <summary>FD_CLOEXEC of fcntl.h.</summary>
    public const int CloseOnExec = 1;

    /// <summary>O_RDONLY and O_CLOEXEC of fcntl.h, the same on x86 and ARM.</summary>
    public const int OpenToRead = 0x8_0000;

    /// <summary>POLLERR of poll.h: nobody has the other end of a pipe that is written to.</summary>
    public const short PollError = 8;

    /// <summary>POLLHUP of poll.h: the same of a socket.</summary>
    public const short PollHangUp = 16;

    /// <summary>LOCK_EX and LOCK_NB of sys/file.h.</summary>
    public const int LockOrFail = 6;

    /// <summary>LOCK_SH and LOCK_NB of sys/file.h.</summary>
    public const int ShareOrFail = 5;

    /// <summary>CLONE_NEWNET of sched.h: a network namespace.</summary>
    public const int CloneNewNet = 0x4000_0000;

    /// <summary>NSFS_MAGIC of linux/magic.h: the file system of namespaces' files.</summary>
    public const long NamespaceFileSystem = 0x6e73_6673;

    // AT_FDCWD, AT_SYMLINK_NOFOLLOW of fcntl.h, STATX_TYPE of linux/stat.h, S_IFMT and S_IFSOCK of sys/stat.h.
    private const int WorkingDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint TypeWanted = 1;
    private const int TypeMask = 0xF000;
    private const int TypeSocket = 0xC000;

    /// <summary>Whether there is a unix socket of that name: the name itself, and not what a link leads to.</summary>
    public static unsafe bool IsSocket(string path)
    {
        // struct statx is the same on all machines, and has its stx_mode after 28 bytes.
        const int Length = 256;
        const int ModeAt = 28;
        var answer = stackalloc byte[Length];
        return Status(WorkingDirectory, path, NoFollow, TypeWanted, answer) == 0
            && (*(ushort*)(answer + ModeAt) & TypeMask) == TypeSocket;
    }

    // asm-generic/unistd.h and x86's tables agree on the numbers of the newer system calls.
    private const nint PidfdSendSignalCall = 424;
    private const nint PidfdOpenCall = 434;

    /// <summary>pidfd_open(2).</summary>
    public static nint PidfdOpen(int pid) => SystemCall(PidfdOpenCall, pid, 0, 0, 0);

    /// <summary>pidfd_send_signal(2).</summary>
    public static nint PidfdSendSignal(nint pidfd, int signal) =>
        SystemCall(PidfdSendSignalCall, pidfd, signal, 0, 0);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    public static partial int SetNamespace(SafeHandle descriptor, int kind);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(nint descriptor);

    [LibraryImport(
        "libc",
        EntryPoint = "open",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    public static partial nint Open(string path, int flags);

    [LibraryImport(
        "libc",
        EntryPoint = "statfs",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    public static partial int FileSystem(string path, Span<long> answer);

    [LibraryImport(
        "libc",
        EntryPoint = "statx",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static unsafe partial int Status(
        int directory,
        string path,
        int flags,
        uint wanted,
        byte* answer
    );

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(SafeHandle descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(ref PollRequest requests, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Synchronize(SafeHandle descriptor);

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    public static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true)]
    public static unsafe partial int Execute(byte* path, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Control(
        SafeHandle descriptor,
        nuint request,
        ref Ethtool.InterfaceRequest argument
    );

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(
        SafeHandle socket,
        ReadOnlySpan<byte> bytes,
        nuint length,
        int flags
    );

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(
        SafeHandle socket,
        Span<byte> bytes,
        nuint length,
        int flags
    );

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int SetDescriptorFlags(SafeHandle descriptor, int command, int flags);

    [LibraryImport(
        "libc",
        EntryPoint = "chown",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    public static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static unsafe partial int Bind(SafeHandle socket, void* address, int length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static unsafe partial int SetSocketOption(
        SafeHandle socket,
        int level,
        int name,
        void* value,
        int length
    );

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    public static unsafe partial nint ReceiveMessage(
        SafeHandle socket,
        MessageHeader* message,
        int flags
    );

    /// <summary>struct msghdr of recvmsg(2).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public nint Name;
        public uint NameLength;
        public nint Vectors;
        public nuint VectorCount;
        public nint Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct pollfd of poll(2).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollRequest
    {
        public int Descriptor;
        public short Question;
        public short Answer;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public nint Base;
        public nuint Length;
    }
}
