using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Linux;

namespace Weft.Reachability;

/// <summary>
/// Sends echo requests from one address and receives the replies: a raw ICMP socket (raw(7)) in the network namespace that has
/// the address. No packet that it sends may be fragmented.
/// </summary>
internal sealed class EchoSocket : IAsyncDisposable
{
    private const int LargestPacket = 65_535;

    // Constants of ip(7) and ipv6(7).
    private const int IpMtuDiscover = 10;
    private const int Ipv6MtuDiscover = 23;
    private const int PathMtuDo = 2;

    private const int SizesAtOnce = 16;

    private static readonly TimeSpan SizePatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ushort, Asked> asked = new();
    private readonly CancellationTokenSource closing = new();
    private readonly ushort id = (ushort)Random.Shared.Next();
    private readonly long cookie = Random.Shared.NextInt64();
    private readonly Socket socket;
    private readonly TimeProvider time;
    private readonly Task listening;
    private int sequence;

    private EchoSocket(Socket socket, TimeProvider time)
    {
        this.socket = socket;
        this.time = time;
        listening = ListenAsync();
    }

    private bool Ipv6 => socket.AddressFamily is AddressFamily.InterNetworkV6;

    /// <summary>Opens a socket that sends from the address.</summary>
    /// <param name="networkNamespace">The namespace to open it in; null for this process's own.</param>
    /// <param name="source">The address.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="FileNotFoundException">There is no such namespace.</exception>
    /// <exception cref="SocketException">The namespace does not have the address, or cannot use it yet.</exception>
    public static EchoSocket Open(string? networkNamespace, IPAddress source, TimeProvider time)
    {
        var ipv6 = source.AddressFamily is AddressFamily.InterNetworkV6;
        var protocol = ipv6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp;
        var made = networkNamespace is null
            ? new Socket(source.AddressFamily, SocketType.Raw, protocol)
            : NetworkNamespace.MakeSocket(
                networkNamespace,
                source.AddressFamily,
                SocketType.Raw,
                protocol
            );
        try
        {
            made.SetRawSocketOption(
                (int)(ipv6 ? SocketOptionLevel.IPv6 : SocketOptionLevel.IP),
                ipv6 ? Ipv6MtuDiscover : IpMtuDiscover,
                BitConverter.GetBytes(PathMtuDo)
            );
            made.Bind(new IPEndPoint(source, 0));
            return new EchoSocket(made, time);
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Asks until an answer is final or the time is over; asks once more for a representative round-trip time.</summary>
    /// <param name="destination">The address to ask.</param>
    /// <param name="size">The size of the IP packet in bytes.</param>
    /// <param name="patience">How long to wait in all.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Answer> AskAsync(
        IPAddress destination,
        int size,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var first = await AskUntilSettledAsync(
            destination,
            size,
            FirstPause,
            patience,
            cancellationToken
        );
        if (first.Outcome is not Outcome.Reached)
        {
            return first;
        }
        // The first packet also waited for the neighbour's address and for the switches to set up their flows.
        var second = await AskUntilSettledAsync(
            destination,
            size,
            FirstPause,
            FirstPause,
            cancellationToken
        );
        return second.Milliseconds < first.Milliseconds ? second : first;
    }

    /// <summary>Sends one packet only, so that its loss counts as one.</summary>
    /// <param name="destination">The address to ask.</param>
    /// <param name="size">The size of the IP packet in bytes.</param>
    /// <param name="patience">How long to wait for the answer.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<Answer> AskOnceAsync(
        IPAddress destination,
        int size,
        TimeSpan patience,
        CancellationToken cancellationToken
    ) => AskUntilSettledAsync(destination, size, patience, patience, cancellationToken);

    /// <summary>Finds the largest packet in bytes that gets there and back unfragmented; tries several sizes at a time.</summary>
    /// <param name="destination">The address to ask.</param>
    /// <param name="passes">A size that gets through.</param>
    /// <param name="tooLarge">A larger one that does not.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<int> LargestAsync(
        IPAddress destination,
        int passes,
        int tooLarge,
        CancellationToken cancellationToken
    )
    {
        while (tooLarge - passes > 1)
        {
            var step = Math.Max(1, (tooLarge - passes) / SizesAtOnce);
            int[] sizes =
            [
                .. Enumerable
                    .Range(1, SizesAtOnce)
                    .Select(number => passes + number * step)
                    .TakeWhile(size => size < tooLarge),
            ];
            var answers = await Task.WhenAll(
                sizes.Select(size => AskAsync(destination, size, SizePatience, cancellationToken))
            );
            var reached = Array.FindLastIndex(answers, answer => answer.Outcome is Outcome.Reached);
            if (reached + 1 < sizes.Length)
            {
                tooLarge = sizes[reached + 1];
            }
            if (reached >= 0)
            {
                passes = sizes[reached];
            }
        }
        return passes;
    }

    // Repeats the request at growing intervals.
    private async Task<Answer> AskUntilSettledAsync(
        IPAddress destination,
        int size,
        TimeSpan firstPause,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        var settled = new TaskCompletionSource<Answer>(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        var sent = new List<ushort>();
        var question = new Question(settled);
        var message = new byte[size - (Ipv6 ? 40 : 20)];
        try
        {
            for (
                var pause = firstPause;
                ;
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause
            )
            {
                var number = (ushort)Interlocked.Increment(ref sequence);
                sent.Add(number);
                asked[number] = new Asked(question, time.GetTimestamp());
                IcmpMessage.WriteEcho(message, Ipv6, id, number, cookie);
                try
                {
                    await socket.SendToAsync(
                        message,
                        SocketFlags.None,
                        new IPEndPoint(destination, 0),
                        cancellationToken
                    );
                }
                catch (SocketException exception)
                {
                    if (exception.SocketErrorCode is SocketError.MessageSize)
                    {
                        return new Answer(Outcome.TooLong, Detail: exception.Message);
                    }
                    question.Trouble = new Answer(Outcome.Unreachable, Detail: exception.Message);
                }
                var left = patience - time.GetElapsedTime(started);
                await Task.WhenAny(
                    settled.Task,
                    Task.Delay(
                        TimeSpan.FromTicks(Math.Clamp(pause.Ticks, 0, Math.Max(0, left.Ticks))),
                        time,
                        cancellationToken
                    )
                );
                cancellationToken.ThrowIfCancellationRequested();
                if (settled.Task.IsCompleted)
                {
                    return await settled.Task;
                }
                if (left <= pause)
                {
                    return question.Trouble ?? new Answer(Outcome.Lost);
                }
            }
        }
        finally
        {
            sent.ForEach(number => asked.TryRemove(number, out _));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        await listening;
        socket.Dispose();
        closing.Dispose();
    }

    private async Task ListenAsync()
    {
        var buffer = new byte[LargestPacket];
        var anyone = new IPEndPoint(Ipv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        while (true)
        {
            try
            {
                var got = await socket.ReceiveFromAsync(
                    buffer,
                    SocketFlags.None,
                    anyone,
                    closing.Token
                );
                Hear(buffer.AsSpan(0, got.ReceivedBytes));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP error is reported as the socket's error; the message itself is received as well.
            }
        }
    }

    private void Hear(ReadOnlySpan<byte> packet)
    {
        // A raw socket receives all ICMP of its namespace, including answers to other sockets.
        if (
            IcmpMessage.Read(packet, Ipv6) is not { } news
            || news.Id != id
            || news.Cookie is { } echoed && echoed != cookie
            || !asked.TryGetValue(news.Sequence, out var about)
        )
        {
            return;
        }
        switch (news.Outcome)
        {
            case Outcome.Reached:
                about.Question.Settled.TrySetResult(
                    new Answer(Outcome.Reached, time.GetElapsedTime(about.Sent).TotalMilliseconds)
                );
                break;
            case Outcome.TooLong:
                about.Question.Settled.TrySetResult(new Answer(Outcome.TooLong));
                break;
            default:
                // Not final: the other end may still appear in time.
                about.Question.Trouble = new Answer(news.Outcome);
                break;
        }
    }

    private sealed record Asked(Question Question, long Sent);

    private sealed class Question(TaskCompletionSource<Answer> settled)
    {
        public TaskCompletionSource<Answer> Settled => settled;

        public Answer? Trouble { get; set; }
    }
}
