using System.Collections;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Weft.Core.Linux;

namespace Weft.Labs.Guests;

/// <summary>
/// The client of <see cref="GuestAgent"/> on the machine: runs one command in a host that has a kernel of its own, with this
/// process's standard streams, signals, environment and exit code.
/// </summary>
internal sealed class GuestShell : IDisposable
{
    private const int BufferBytes = 64 * 1024;
    private const int SilenceSeconds = 5;
    private const int Silences = 6;
    private const int TcpUserTimeout = 18;

    private readonly NetworkStream stream;
    private readonly FrameWriter writer;

    private GuestShell(NetworkStream stream)
    {
        this.stream = stream;
        writer = new FrameWriter(stream);
    }

    /// <summary>Connects to a host.</summary>
    /// <param name="networkNamespace">The path of the network namespace that the control wire is in.</param>
    /// <param name="host">The host's address there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LabException">The host does not answer.</exception>
    public static async Task<GuestShell> ConnectAsync(
        string networkNamespace,
        IPAddress host,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var socket = NetworkNamespace.MakeSocket(
                networkNamespace,
                host.AddressFamily,
                SocketType.Stream,
                ProtocolType.Tcp
            );
            try
            {
                socket.NoDelay = true;
                // A host that loses its power never closes the connection.
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                socket.SetSocketOption(
                    SocketOptionLevel.Tcp,
                    SocketOptionName.TcpKeepAliveTime,
                    SilenceSeconds
                );
                socket.SetSocketOption(
                    SocketOptionLevel.Tcp,
                    SocketOptionName.TcpKeepAliveInterval,
                    SilenceSeconds
                );
                socket.SetSocketOption(
                    SocketOptionLevel.Tcp,
                    SocketOptionName.TcpKeepAliveRetryCount,
                    Silences
                );
                // The kernel sends no keepalives while something typed is unacknowledged: this bounds that case (tcp(7)).
                socket.SetRawSocketOption(
                    (int)SocketOptionLevel.Tcp,
                    TcpUserTimeout,
                    BitConverter.GetBytes(SilenceSeconds * Silences * 1000)
                );
                await socket.ConnectAsync(host, GuestAgent.Port, cancellationToken);
                return new GuestShell(new NetworkStream(socket, ownsSocket: true));
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        catch (Exception exception)
            when (exception is SocketException or Win32Exception or IOException)
        {
            throw new LabException($"the host does not answer: {exception.Message}");
        }
    }

    /// <summary>Runs a command with this process's streams.</summary>
    /// <returns>Its exit code.</returns>
    /// <exception cref="LabException">The host went away.</exception>
    public async Task<int> RunAsync(
        IReadOnlyList<string> command,
        CancellationToken cancellationToken
    )
    {
        using var terminal = RawTerminal.TryEnter();
        var request = new GuestRequest
        {
            Command = command,
            Environment = Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .ToDictionary(
                    entry => (string)entry.Key,
                    entry => (string?)entry.Value ?? "",
                    StringComparer.Ordinal
                ),
            Terminal = terminal?.Size,
        };
        await writer.WriteAsync(
            FrameKind.Request,
            JsonSerializer.SerializeToUtf8Bytes(request, GuestJson.Default.GuestRequest),
            cancellationToken
        );
        using var interrupt = Forward(PosixSignal.SIGINT, Libc.SigInt);
        using var quit = Forward(PosixSignal.SIGQUIT, Libc.SigQuit);
        using var terminate = Forward(PosixSignal.SIGTERM, Libc.SigTerm);
        // Not awaited: a read from a terminal where nobody types does not end.
        _ = SendInputAsync();
        return await ReceiveAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        stream.Dispose();
    }

    private async Task<int> ReceiveAsync(CancellationToken cancellationToken)
    {
        await using var output = Console.OpenStandardOutput();
        await using var errors = Console.OpenStandardError();
        try
        {
            while (await Frame.ReadAsync(stream, cancellationToken) is { } frame)
            {
                switch (frame.Kind)
                {
                    case FrameKind.Output:
                        await output.WriteAsync(frame.Content, cancellationToken);
                        break;
                    case FrameKind.Errors:
                        await errors.WriteAsync(frame.Content, cancellationToken);
                        break;
                    case FrameKind.Exit:
                        return frame.Content.Span[0];
                    default:
                        throw new LabException("the host speaks another protocol");
                }
            }
        }
        catch (IOException)
        {
            // A broken connection is the same as a closed one.
        }
        throw new LabException("the host went away before the command was done");
    }

    private async Task SendInputAsync()
    {
        // From a terminal, .NET's console reads lines and echoes them; anything else it reads as it comes.
        await using var input = Console.IsInputRedirected
            ? Console.OpenStandardInput()
            : new FileStream(
                new SafeFileHandle(StandardStreams.Input, ownsHandle: false),
                FileAccess.Read,
                bufferSize: 0
            );
        var buffer = new byte[BufferBytes];
        try
        {
            int read;
            do
            {
                read = await input.ReadAsync(buffer);
                await writer.WriteAsync(
                    FrameKind.Input,
                    buffer.AsMemory(0, read),
                    CancellationToken.None
                );
            } while (read > 0);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The command has ended meanwhile.
        }
    }

    private PosixSignalRegistration Forward(PosixSignal signal, int number) =>
        PosixSignalRegistration.Create(
            signal,
            context =>
            {
                context.Cancel = true;
                _ = SendSignalAsync(number);
            }
        );

    private async Task SendSignalAsync(int number)
    {
        try
        {
            await writer.WriteAsync(
                FrameKind.Signal,
                new[] { (byte)number },
                CancellationToken.None
            );
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The command has ended meanwhile.
        }
    }
}
