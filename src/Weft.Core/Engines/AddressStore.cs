using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Addressing;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// Where a host keeps which addresses it gave to whom: one file for each overlay. Who changes it has the host's lock;
/// reading needs none, as the file is the old one or the new one at every moment.
/// </summary>
public sealed class AddressStore
{
    /// <summary>Where the files are unless another directory is named.</summary>
    public const string DefaultDirectory = "/var/lib/weft";

    private const int Version = 1;

    // An agent reads the file again and again: the same bytes give the same object, which costs nothing to compare.
    private Known? last;

    /// <summary>The store of an overlay.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="directory">The directory in which each overlay has its own.</param>
    public AddressStore(string overlay, string directory = DefaultDirectory) =>
        Path = System.IO.Path.Combine(directory, overlay, "addresses.json");

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The records; none where nothing was ever recorded.</summary>
    /// <exception cref="HostException">The file cannot be read, is damaged, or is of a later Weft.</exception>
    public ImmutableArray<AddressRecord> Read()
    {
        if (DurableFile.Read(Path) is not { } bytes)
        {
            return [];
        }
        if (last is { } known && known.Bytes.AsSpan().SequenceEqual(bytes))
        {
            return known.Records;
        }
        var records = Parse(bytes);
        last = new Known(bytes, records);
        return records;
    }

    /// <summary>Whether a container of an engine has a record.</summary>
    /// <exception cref="HostException">The file cannot be read, is damaged, or is of a later Weft.</exception>
    public bool HasAnyOf(Engine engine) => Read().Any(record => record.Container.Engine == engine);

    /// <summary>Replaces all records. The new ones are on the disk when this returns.</summary>
    /// <returns>Whether that changed anything; else nothing was written.</returns>
    /// <exception cref="HostException">The file is damaged, and so is not overwritten, or cannot be written.</exception>
    public bool Write(ImmutableArray<AddressRecord> records)
    {
        var old = DurableFile.Read(Path);
        if (
            old is not null
            && last is { } known
            && known.Bytes.AsSpan().SequenceEqual(old)
            && known.Records.AsSpan().SequenceEqual(records.AsSpan())
        )
        {
            return false;
        }
        if (old is null && records.IsEmpty)
        {
            return false;
        }
        var bytes = Format(records);
        if (old is not null)
        {
            if (bytes.AsSpan().SequenceEqual(old))
            {
                return false;
            }
            Parse(old);
        }
        try
        {
            DurableFile.Replace(Path, bytes);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException(
                exception is UnauthorizedAccessException
                    ? $"{Path} cannot be written: permission denied: run weft as root"
                    : $"{Path} cannot be written, and no address is given out that is not recorded: {exception.Message}",
                exception
            );
        }
        return true;
    }

    private static byte[] Format(ImmutableArray<AddressRecord> records) =>
        [
            .. JsonSerializer.SerializeToUtf8Bytes(
                new AddressDocument(
                    Version,
                    [
                        .. records.Select(record => new AddressEntry(
                            record.Container.Engine.Word,
                            record.Container.Name,
                            record.Id,
                            record.Network,
                            [.. record.Addresses.Select(address => address.ToString())],
                            record.Since,
                            record.GoneSince,
                            record.Labels.Count == 0 ? null : new(record.Labels),
                            record.MacFrom
                        )),
                    ]
                ),
                AddressJsonContext.Default.AddressDocument
            ),
            (byte)'\n',
        ];

    private ImmutableArray<AddressRecord> Parse(byte[] bytes)
    {
        AddressDocument document;
        try
        {
            document =
                JsonSerializer.Deserialize(bytes, AddressJsonContext.Default.AddressDocument)
                ?? throw new JsonException("it holds nothing");
        }
        catch (JsonException exception)
        {
            throw Damaged(exception.Message, exception);
        }
        return document.Version == Version
            ? [.. document.Records.Select((entry, number) => Parse(entry, number + 1))]
            : throw new HostException(
                $"{Path} is of version {document.Version}, and this weft knows version {Version}: install the weft that wrote it, or a later one"
            );
    }

    private AddressRecord Parse(AddressEntry? entry, int number)
    {
        if (entry is null)
        {
            throw Damaged($"record {number} is nothing");
        }
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var text in entry.Addresses)
        {
            addresses.Add(
                IPText.TryReadAddress(text ?? "", out var address, out var wrong)
                    ? address
                    : throw Damaged($"record {number} has address '{text}', which {wrong}")
            );
        }
        return
            Enum.TryParse<Engine>(entry.Engine, ignoreCase: true, out var engine)
            && Enum.IsDefined(engine)
            ? new AddressRecord
            {
                Container = new ContainerKey(engine, entry.Name),
                Id = entry.Id,
                Network = entry.Network,
                Addresses = addresses.ToImmutable(),
                Since = entry.Since,
                GoneSince = entry.GoneSince,
                Labels =
                    entry.Labels?.ToImmutableSortedDictionary(StringComparer.Ordinal)
                    ?? ImmutableSortedDictionary<string, string>.Empty,
                MacFrom = entry.MacFrom,
            }
            : throw Damaged($"record {number} has engine '{entry.Engine}', which there is not");
    }

    private sealed record Known(byte[] Bytes, ImmutableArray<AddressRecord> Records);

    private HostException Damaged(string what, Exception? cause = null) =>
        new(
            $"{Path} is damaged: {what.TrimEnd('.')}. It says which container has which address, so it is left as it is: put a copy from before in its place, or move it away, and containers get addresses as if they were new",
            cause ?? new FormatException(what)
        );
}

internal sealed record AddressDocument(int Version, AddressEntry?[] Records);

internal sealed record AddressEntry(
    string Engine,
    string Name,
    string Id,
    string Network,
    string?[] Addresses,
    DateTimeOffset Since,
    DateTimeOffset? GoneSince = null,
    Dictionary<string, string>? Labels = null,
    string? MacFrom = null
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(AddressDocument))]
internal sealed partial class AddressJsonContext : JsonSerializerContext;
