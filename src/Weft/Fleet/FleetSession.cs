using System.Collections.Concurrent;
using System.Text;
using Weft.Commands;
using Weft.Core;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Core.Pki;
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
    private readonly ConcurrentQueue<(string Host, string Path)> put = new();

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

    /// <summary>The files that were put on each host so far.</summary>
    public ILookup<string, string> Put => put.ToLookup(one => one.Host, one => one.Path);

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
    /// <param name="host">The host.</param>
    /// <param name="where">Where certificates are put; a shared key, wherever that is said to be, at most where there is none.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HostException">The host is not reached, or a file cannot be read here or put there.</exception>
    public async Task<HostKeys> PutKeysAsync(
        string host,
        KeyPlacing where,
        CancellationToken cancellationToken
    )
    {
        string? remark = null;
        var files = new List<string>();
        var due = new List<ChangeDocument>();
        var toPut = new List<(string Path, byte[] Content)>();
        foreach (var (what, path, isSecret, isReplaceable) in FilesOf(host))
        {
            if (!path.StartsWith(Etc, StringComparison.Ordinal))
            {
                continue;
            }
            var here = Path.Combine(directory, path[Etc.Length..]);
            var text = isSecret
                ? PrivateDirectory.ReadSecret(here)
                : PrivateDirectory.ReadText(here);
            if (text is null)
            {
                continue;
            }
            files.Add(path);
            var content = Encoding.UTF8.GetBytes(text);
            switch (await runner.CompareAsync(host, path, content, cancellationToken))
            {
                case FileThere.None when where is not KeyPlacing.Nowhere:
                case FileThere.Another when where is KeyPlacing.Everywhere && isReplaceable:
                    toPut.Add((path, content));
                    break;
                case FileThere.None:
                    due.Add(
                        new ChangeDocument("add", what, path, $"put there from {here} here", [])
                    );
                    break;
                case FileThere.Another when isReplaceable:
                    due.Add(new ChangeDocument("set", what, path, $"replaced by {here} here", []));
                    break;
                case FileThere.Another:
                    remark =
                        $"{path} holds something else than {here} here, and stays: `weft rotate` puts a new key in an old one's place";
                    break;
            }
        }
        await PutAsync(host, toPut, cancellationToken);
        return new HostKeys(files, due, remark);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => runner.DisposeAsync();

    /// <summary>
    /// Puts files on a host. A certificate and its key that are both new take over in the moment in which the key gets its
    /// name, as <see cref="PkiDirectory"/> reads them: wherever the connection is lost, the host has one pair or the other.
    /// </summary>
    private async Task PutAsync(
        string host,
        List<(string Path, byte[] Content)> files,
        CancellationToken cancellationToken
    )
    {
        var pair = Overlay.Tunnels.Ipsec?.Credentials is CertificateFiles all
            ? all.For(host)
            : null;
        var isPair = pair is not null && IsDue(pair.Certificate) && IsDue(pair.Key);
        foreach (var (path, content) in files)
        {
            var isCertificate = path == pair?.Certificate;
            await runner.PutAsync(
                host,
                isCertificate ? path + PkiDirectory.NextSuffix : path,
                content,
                follower: path == (isPair ? pair!.Key : pair?.Certificate)
                    ? pair?.Certificate
                    : null,
                cancellationToken
            );
            put.Enqueue((host, path));
        }

        bool IsDue(string path) => files.Exists(file => file.Path == path);
    }

    private IEnumerable<NamedFile> FilesOf(string host) =>
        Overlay.Tunnels.Ipsec?.Credentials switch
        {
            KeyFile file => [new("key", file.Path, IsSecret: true, IsReplaceable: false)],
            CertificateFiles all when all.For(host) is var files =>
            [
                new("authority", files.Authority, IsSecret: false, IsReplaceable: true),
                new("certificate", files.Certificate, IsSecret: false, IsReplaceable: true),
                new("key", files.Key, IsSecret: true, IsReplaceable: true),
            ],
            _ => [],
        };

    /// <summary>A file that the overlay file names.</summary>
    /// <param name="What">What it holds, in a word.</param>
    /// <param name="Path">Where it is on the host.</param>
    /// <param name="IsSecret">Whether only its owner may read it.</param>
    /// <param name="IsReplaceable">Whether another takes the place of one that is there.</param>
    private sealed record NamedFile(string What, string Path, bool IsSecret, bool IsReplaceable);
}

/// <summary>How the files that the overlay file names stand on a host.</summary>
/// <param name="Files">Where those are that are on this machine too.</param>
/// <param name="Due">Those that are yet to be put there, or in the place of others.</param>
/// <param name="Remark">What is to be said besides; null if nothing.</param>
internal sealed record HostKeys(
    IReadOnlyList<string> Files,
    IReadOnlyList<ChangeDocument> Due,
    string? Remark
);
