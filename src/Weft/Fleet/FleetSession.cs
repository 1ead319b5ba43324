using System.Text;
using Weft.Commands;
using Weft.Core;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>Some of an overlay's hosts, reached over SSH from a machine that has the overlay file.</summary>
internal sealed class FleetSession : IAsyncDisposable
{
    // Where the overlay file is on a host, the files that it names are too, and likewise on this machine.
    private const string Etc = "/etc/weft/";

    private readonly SshRunner runner;
    private readonly string directory;
    private readonly int jobs;

    /// <summary>Reads the overlay file's bytes; no host is reached yet.</summary>
    public FleetSession(Overlay overlay, string file, SshRunner runner, int jobs)
    {
        Overlay = overlay;
        File = OverlayLoader.Bytes(file);
        directory = Path.GetDirectoryName(Path.GetFullPath(file))!;
        this.jobs = jobs;
        this.runner = runner;
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay { get; }

    /// <summary>The overlay file, as it travels to the hosts by standard input.</summary>
    public ReadOnlyMemory<byte> File { get; }

    /// <summary>The hosts' names.</summary>
    public IReadOnlyList<string> Hosts => runner.Hosts;

    /// <summary>Runs weft on one host.</summary>
    public Task<HostAnswer> AskAsync(
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken
    ) => runner.AskAsync(host, arguments, input, cancellationToken);

    /// <summary>Whether weft was put in place on a host just now.</summary>
    public Task<bool> WasPutAsync(string host, CancellationToken cancellationToken) =>
        runner.ConnectAsync(host, null, cancellationToken);

    /// <summary>The hosts, to be asked by whoever asks a lab as well.</summary>
    public IHostRunner Runner => runner;

    /// <summary>How many hosts are asked at a time.</summary>
    public int Jobs => jobs;

    /// <summary>Runs weft on hosts, several at a time, and shows how far that is.</summary>
    public Task<IReadOnlyList<HostAnswer>> AskAsync(
        FleetBoard board,
        IReadOnlyList<string> hosts,
        string step,
        Func<string, IReadOnlyList<string>> arguments,
        ReadOnlyMemory<byte> input,
        Func<HostAnswer, (bool IsWell, string Words)> describe,
        CancellationToken cancellationToken
    ) =>
        EachAsync(
            board,
            hosts,
            async (host, cancellation) =>
            {
                board.Step(host, step);
                return await runner.AskAsync(host, arguments(host), input, cancellation);
            },
            describe,
            cancellationToken
        );

    /// <summary>Does something on hosts, several at a time; those that are not reached are said.</summary>
    public Task<IReadOnlyList<HostAnswer>> EachAsync(
        FleetBoard board,
        IReadOnlyList<string> hosts,
        Func<string, CancellationToken, Task<HostAnswer>> work,
        Func<HostAnswer, (bool IsWell, string Words)> describe,
        CancellationToken cancellationToken
    ) =>
        HostRunners.EachAsync(
            hosts,
            jobs,
            async (host, cancellation) =>
            {
                HostAnswer answer;
                try
                {
                    await runner.ConnectAsync(host, step => board.Step(host, step), cancellation);
                    answer = await work(host, cancellation);
                }
                catch (HostException exception)
                {
                    answer = new HostAnswer(host, null, exception.Message);
                }
                var (isWell, words) = answer.Unreached is { } why ? (false, why) : describe(answer);
                board.Done(host, isWell, words);
                return answer;
            },
            done: null,
            cancellationToken
        );

    /// <summary>
    /// Puts the files that the overlay file names on a host, if they are on this machine at the same place beside the
    /// overlay file. A shared key that a host has already stays: another in its place is for <c>weft rotate</c>.
    /// </summary>
    /// <returns>What is to be said about it; null if nothing.</returns>
    /// <exception cref="HostException">The host is not reached, or a file cannot be read here or put there.</exception>
    public async Task<string?> PutKeysAsync(string host, CancellationToken cancellationToken)
    {
        string? remark = null;
        foreach (var (path, isSecret, replaces) in FilesOf(host))
        {
            if (!path.StartsWith(Etc, StringComparison.Ordinal))
            {
                continue;
            }
            var here = Path.Combine(directory, path[Etc.Length..]);
            var text = isSecret
                ? PrivateDirectory.ReadSecret(here)
                : PrivateDirectory.ReadText(here);
            if (
                text is not null
                && await runner.PutSecretAsync(
                    host,
                    path,
                    Encoding.UTF8.GetBytes(text),
                    replaces,
                    cancellationToken
                )
            )
            {
                remark =
                    $"{path} holds something else than {here} here, and stays: `weft rotate` puts a new key in an old one's place";
            }
        }
        return remark;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => runner.DisposeAsync();

    private IEnumerable<(string Path, bool IsSecret, bool Replaces)> FilesOf(string host) =>
        Overlay.Tunnels.Ipsec?.Credentials switch
        {
            KeyFile file => [(file.Path, true, false)],
            CertificateFiles all when all.Of(host) is var files =>
            [
                (files.Authority, false, true),
                (files.Certificate, false, true),
                (files.Key, true, true),
            ],
            _ => [],
        };
}
