using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Weft.Core.Linux;

namespace Weft.Labs.Guests;

/// <summary>
/// Runs commands in a host that has a kernel of its own, for clients on the lab's control wire: one connection per command. It
/// listens in a network namespace that nothing else in the host sees.
/// </summary>
internal static class GuestAgent
{
    /// <summary>The port that it listens on.</summary>
    public const int Port = 1;

    private const int NotFound = 127;
    private const int BufferBytes = 64 * 1024;

    /// <summary>Listens until it is canceled.</summary>
    /// <param name="networkNamespace">The path of the network namespace to listen in.</param>
    /// <param name="address">The address there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task RunAsync(
        string networkNamespace,
        IPAddress address,
        CancellationToken cancellationToken
    )
    {
        using var listener = NetworkNamespace.MakeSocket(
            networkNamespace,
            address.AddressFamily,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        listener.Bind(new IPEndPoint(address, Port));
        listener.Listen();
        while (true)
        {
            var connection = await listener.AcceptAsync(cancellationToken);
            _ = ServeAsync(connection, cancellationToken);
        }
    }

    private static async Task ServeAsync(Socket socket, CancellationToken cancellationToken)
    {
        socket.NoDelay = true;
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            if (
                await Frame.ReadAsync(stream, cancellationToken)
                is not { Kind: FrameKind.Request } first
            )
            {
                return;
            }
            var request = JsonSerializer.Deserialize(
                first.Content.Span,
                GuestJson.Default.GuestRequest
            )!;
            using var session = new Session(stream);
            await session.RunAsync(request, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            // The client is gone, and ListenAsync has the command hung up.
        }
    }

    private sealed class Session(Stream stream) : IDisposable
    {
        private readonly FrameWriter writer = new(stream);

        public async Task RunAsync(GuestRequest request, CancellationToken cancellationToken)
        {
            Process process;
            try
            {
                process = Start(request);
            }
            catch (Win32Exception exception)
            {
                var words = Encoding.UTF8.GetBytes(
                    $"{request.Command[0]}: {new Win32Exception(exception.NativeErrorCode).Message}\n"
                );
                await writer.WriteAsync(FrameKind.Errors, words, cancellationToken);
                await writer.WriteAsync(
                    FrameKind.Exit,
                    new[] { (byte)NotFound },
                    cancellationToken
                );
                return;
            }
            using (process)
            {
                var hearing = ListenAsync(
                    process,
                    // script(1) blocks SIGHUP. Its end takes the terminal away, which hangs up all who have it.
                    hangUp: request.Terminal is null ? Libc.SigHup : Libc.SigTerm,
                    cancellationToken
                );
                await Task.WhenAll(
                    CopyAsync(process.StandardOutput.BaseStream, FrameKind.Output),
                    CopyAsync(process.StandardError.BaseStream, FrameKind.Errors),
                    process.WaitForExitAsync(cancellationToken)
                );
                await writer.WriteAsync(
                    FrameKind.Exit,
                    new[] { (byte)process.ExitCode },
                    cancellationToken
                );
                // The client closes once it has read the exit code; closing first could discard it.
                await hearing;
            }
        }

        public void Dispose() => writer.Dispose();

        private static Process Start(GuestRequest request)
        {
            // script(1) makes a pseudo-terminal, and every Debian has it.
            IReadOnlyList<string> command = request.Terminal is { } size
                ?
                [
                    "script",
                    "--quiet",
                    "--return",
                    "--command",
                    $"stty rows {size.Rows} cols {size.Columns}; exec {string.Join(' ', request.Command.Select(Quoted))}",
                    "/dev/null",
                ]
                : request.Command;
            var start = new ProcessStartInfo(Tool.Find(command[0]) ?? command[0], command.Skip(1))
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = "/",
            };
            start.Environment.Clear();
            foreach (var (name, value) in request.Environment)
            {
                start.Environment[name] = value;
            }
            return Process.Start(start)!;
        }

        private static string Quoted(string word) =>
            $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

        /// <summary>Forwards input and signals; hangs up the command when the client is gone.</summary>
        private async Task ListenAsync(
            Process process,
            int hangUp,
            CancellationToken cancellationToken
        )
        {
            var identity = ProcessIdentity.Of(process.Id);
            try
            {
                while (await Frame.ReadAsync(stream, cancellationToken) is { } frame)
                {
                    switch (frame.Kind)
                    {
                        case FrameKind.Input when frame.Content.IsEmpty:
                            process.StandardInput.Close();
                            break;
                        case FrameKind.Input:
                            await FeedAsync(process, frame.Content, cancellationToken);
                            break;
                        case FrameKind.Signal:
                            identity?.Send(frame.Content.Span[0]);
                            break;
                        default:
                            return;
                    }
                }
            }
            catch (IOException)
            {
                // A broken connection is the same as a closed one.
            }
            finally
            {
                identity?.Send(hangUp);
            }
        }

        private static async Task FeedAsync(
            Process process,
            ReadOnlyMemory<byte> bytes,
            CancellationToken cancellationToken
        )
        {
            try
            {
                await process.StandardInput.BaseStream.WriteAsync(bytes, cancellationToken);
                await process.StandardInput.BaseStream.FlushAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // The command has closed its standard input.
            }
        }

        private async Task CopyAsync(Stream from, FrameKind kind)
        {
            var buffer = new byte[BufferBytes];
            int read;
            while ((read = await from.ReadAsync(buffer)) > 0)
            {
                await writer.WriteAsync(kind, buffer.AsMemory(0, read), CancellationToken.None);
            }
        }
    }
}
