using System.Text;
using BenchmarkDotNet.Attributes;
using Weft.Ovsdb;

namespace Weft.Bench;

/// <summary>Splits a stream into messages: 1 MB per operation, so that 1,000 µs are 1 GB/s.</summary>
public class FramingBenchmarks
{
    private const int Size = 1_000_000;

    private readonly byte[] _small = Stream(200);
    private readonly byte[] _large = Stream(100_000);

    [Params(4096, 65536)]
    public int Read { get; set; }

    [Benchmark(Description = "1 MB of messages of 200 bytes")]
    public int Small() => Cut(_small);

    [Benchmark(Description = "1 MB of messages of 100 kB")]
    public int Large() => Cut(_large);

    private int Cut(byte[] stream)
    {
        using var splitter = new MessageSplitter(Size);
        var messages = 0;
        for (var at = 0; at < stream.Length; )
        {
            var space = splitter.GetSpace();
            var count = Math.Min(Math.Min(space.Length, Read), stream.Length - at);
            stream.AsMemory(at, count).CopyTo(space);
            splitter.Advance(count);
            at += count;
            while (splitter.TryRead(out _))
            {
                messages++;
            }
        }
        return messages;
    }

    private static byte[] Stream(int messageSize)
    {
        var row = """["map",[["weft","bench"],["name","a \"quoted\" one"]]],""";
        var filler = string.Concat(
            Enumerable.Repeat(row, Math.Max(1, (messageSize - 60) / row.Length))
        );
        var message = $$"""{"id":null,"method":"update2","params":["m",[{{filler}}0]]}""";
        return Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Repeat(message, Size / message.Length))
        );
    }
}
