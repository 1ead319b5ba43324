using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

public sealed class AddressStoreTests : IDisposable
{
    private const string Writer = "WEFT_TEST_ADDRESS_WRITER";

    private readonly string directory = Directory
        .CreateTempSubdirectory("weft-addresses-")
        .FullName;

    [Fact]
    public void What_was_written_is_read_again()
    {
        var store = new AddressStore("home", directory);
        Assert.Empty(store.Read());
        Assert.False(store.Write([]));
        Assert.False(File.Exists(store.Path));
        ImmutableArray<AddressRecord> records =
        [
            Record(1) with
            {
                GoneSince = DateTimeOffset.UnixEpoch.AddTicks(1234567),
                Labels = ImmutableSortedDictionary<string, string>.Empty.Add("é", "\"x\""),
                MacFrom = "former",
            },
            Record(2),
        ];
        Assert.True(store.Write(records));
        Assert.False(store.Write(records));
        Assert.Equal(Path.Combine(directory, "home", "addresses.json"), store.Path);
        // Of most there is nothing to say, as in the files of former versions.
        Assert.Single(File.ReadLines(store.Path), line => line.Contains("macFrom"));
        var read = store.Read();
        Assert.False(store.Write(read));
        Assert.Equal(records.Select(Text), read.Select(Text));
        Assert.True(store.Write([]));
        Assert.Empty(store.Read());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"version\":1}")]
    [InlineData("{\"version\":1,\"records\":[null]}")]
    [InlineData("{\"version\":1,\"records\":[{\"engine\":\"docker\"}]}")]
    [InlineData(
        "{\"version\":1,\"records\":[{\"engine\":\"dockr\",\"name\":\"a\",\"id\":\"b\",\"network\":\"n\",\"addresses\":[],\"since\":\"2026-01-01T00:00:00Z\"}]}"
    )]
    [InlineData(
        "{\"version\":1,\"records\":[{\"engine\":\"docker\",\"name\":\"a\",\"id\":\"b\",\"network\":\"n\",\"addresses\":[\"10.8.2\"],\"since\":\"2026-01-01T00:00:00Z\"}]}"
    )]
    [InlineData(
        "{\"version\":1,\"records\":[{\"engine\":\"docker\",\"name\":\"a\",\"id\":\"b\",\"network\":\"n\",\"addresses\":[null],\"since\":\"2026-01-01T00:00:00Z\"}]}"
    )]
    public void A_damaged_file_is_left_as_it_is_and_said_what_to_do_about(string text)
    {
        var store = new AddressStore("home", directory);
        Directory.CreateDirectory(Path.GetDirectoryName(store.Path)!);
        File.WriteAllText(store.Path, text);
        Assert.StartsWith(
            $"{store.Path} is damaged: ",
            Assert.Throws<HostException>(() => store.Read()).Message
        );
        var error = Assert.Throws<HostException>(() => store.Write([Record(1)]));
        Assert.Contains("put a copy from before in its place, or move it away", error.Message);
        Assert.Equal(text, File.ReadAllText(store.Path));
    }

    [Fact]
    public void The_file_of_a_later_version_is_left_as_it_is()
    {
        var store = new AddressStore("home", directory);
        Directory.CreateDirectory(Path.GetDirectoryName(store.Path)!);
        File.WriteAllText(store.Path, "{\"version\":2,\"records\":[]}");
        Assert.Contains(
            "is of version 2, and this weft knows version 1",
            Assert.Throws<HostException>(() => store.Write([Record(1)])).Message
        );
    }

    [Fact]
    public async Task A_writer_that_is_killed_at_any_moment_leaves_one_whole_state()
    {
        var random = new Random(1);
        var store = new AddressStore("home", directory);
        var states = new HashSet<int>();
        // A disk says in its own time that it has what was written: the moments are spread over several writes.
        store.Write(StateOf(100));
        var before = Stopwatch.GetTimestamp();
        store.Write(StateOf(101));
        var longest = Math.Max(Stopwatch.Frequency / 50, 5 * (Stopwatch.GetTimestamp() - before));
        for (var round = 0; round < 200; round++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!)
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            start.Environment[Writer] = directory;
            using var writer = Process.Start(start)!;
            // Its first line says that it writes now.
            Assert.Equal("writing", await writer.StandardOutput.ReadLineAsync(Cancellation));
            var until = Stopwatch.GetTimestamp() + random.NextInt64(longest);
            SpinWait.SpinUntil(() => Stopwatch.GetTimestamp() >= until);
            writer.Kill();
            await writer.WaitForExitAsync(Cancellation);
            var records = store.Read();
            Assert.Equal(StateOf(records.Length).Select(Text), records.Select(Text));
            states.Add(records.Length);
        }
        Assert.True(states.Count > 5, $"only {states.Count} different states were seen");
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>This program started again, as one that writes until it is killed.</summary>
    [ModuleInitializer]
    internal static void WriteUntilKilled()
    {
        if (Environment.GetEnvironmentVariable(Writer) is not { } directory)
        {
            return;
        }
        var store = new AddressStore("home", directory);
        store.Write(StateOf(1));
        Console.Out.WriteLine("writing");
        Console.Out.Flush();
        var random = new Random();
        while (true)
        {
            store.Write(StateOf(random.Next(1, 200)));
        }
    }

    private static ImmutableArray<AddressRecord> StateOf(int count) =>
        [.. Enumerable.Range(1, count).Select(number => Record(number * count))];

    private static AddressRecord Record(int number) =>
        new()
        {
            Container = new ContainerKey(Engine.Docker, $"c{number}"),
            Id = $"id{number}",
            Network = "n",
            Addresses = [new IPAddress(number), IPAddress.Parse("fd00::1")],
            Since = DateTimeOffset.UnixEpoch.AddSeconds(number),
        };

    private static string Text(AddressRecord record) =>
        $"{record.Container} {record.Id} {record.Network} {string.Join(',', record.Addresses)} {record.Since:O} {record.GoneSince:O} {string.Join(',', record.Labels)} {record.MacFrom}";
}
