using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Keeps until the host restarts why keys could not be agreed on: a file for each other host, which is the old one or the new
/// one at every moment. No lock is needed, as either result of two simultaneous negotiations is right. What cannot be written
/// or read is left out: it matters less than the negotiation, and the next try finds it out again.
/// </summary>
/// <param name="overlay">The overlay's name.</param>
/// <param name="root">The directory in which each overlay has its own.</param>
internal sealed class NegotiationStore(
    string overlay,
    string root = NegotiationStore.DefaultDirectory
)
{
    /// <summary>Where the files are unless another directory is named.</summary>
    public const string DefaultDirectory = "/run/weft/negotiations";

    private const string Extension = ".json";

    private readonly string directory = Path.Combine(root, overlay);

    /// <summary>The negotiations that failed, the last one with each other host.</summary>
    public ImmutableArray<FailedNegotiation> Read()
    {
        try
        {
            return Directory.Exists(directory)
                ?
                [
                    .. Directory
                        .GetFiles(directory, $"*{Extension}")
                        .Order(StringComparer.Ordinal)
                        .Select(Read)
                        .OfType<FailedNegotiation>(),
                ]
                : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Replaces the record of the last negotiation with the same host.</summary>
    public void Write(FailedNegotiation failed)
    {
        try
        {
            PrivateDirectory.Make(directory);
            // The name is this process's own, so that no other that negotiates at the same time writes to it.
            var next = $"{PathOf(failed.Peer)}.{Environment.ProcessId}";
            using (
                var stream = new FileStream(
                    next,
                    new FileStreamOptions
                    {
                        Mode = FileMode.Create,
                        Access = FileAccess.Write,
                        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    }
                )
            )
            {
                JsonSerializer.Serialize(
                    stream,
                    failed,
                    NegotiationJsonContext.Default.FailedNegotiation
                );
            }
            File.Move(next, PathOf(failed.Peer), overwrite: true);
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or HostException)
        {
            // Whoever negotiated reports the failure itself.
            Remove([failed.Peer]);
        }
    }

    /// <summary>Removes the records of some hosts, such as those that keys were agreed on with.</summary>
    public void Remove(IEnumerable<string> peers)
    {
        try
        {
            foreach (var path in peers.Select(PathOf).Where(File.Exists))
            {
                File.Delete(path);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What stays is shown with its time.
        }
    }

    private string PathOf(string peer) => Path.Combine(directory, $"{peer}{Extension}");

    private static FailedNegotiation? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(
                File.ReadAllBytes(path),
                NegotiationJsonContext.Default.FailedNegotiation
            );
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            // Removed meanwhile, or written by another version of Weft.
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(FailedNegotiation))]
internal sealed partial class NegotiationJsonContext : JsonSerializerContext;
