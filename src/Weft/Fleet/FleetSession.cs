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

/// <summary>Reaches hosts of an overlay over SSH from a machine that has the overlay file.</summary>
internal sealed class FleetSession : IAsyncDisposable
{
    // The overlay file's directory on a host. Files named within it are looked for beside the overlay file on this machine.
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

    /// <summary>The overlay file's content, which hosts get on standard input.</summary>
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

    /// <summary>Reaches a host, and says whether weft was put in place there just now.</summary>
    public Task<bool> WasPutAsync(string host, CancellationToken cancellationToken) =>
        runner.ConnectAsync(host, null, cancellationToken);

    /// <summary>The hosts as an <see cref="IHostRunner"/>, for what also runs on labs.</summary>
    public IHostRunner Runner => runner;

    /// <summary>The files that were put on each host so far.</summary>
    public ILookup<string, string> Put => put.ToLookup(one => one.Host, one => one.Path);

    /// <summary>The number of hosts to work on at a time.</summary>
    public int Jobs => jobs;

    /// <summary>Runs weft on hosts, several at a time, and shows the progress.</summary>
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

    /// <summary>Does work for hosts, several at a time, and shows which could not be reached.</summary>
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
    /// Puts the files that the overlay file names on a host, if this machine has them at the same place relative to the overlay
    /// file. A shared key that a host already has stays: replacing it is for <c>weft rotate</c>.
    /// </summary>
    /// <param name="host">The host.</param>
    /// <param name="where">
    /// Where to put certificates. Shared keys are put at most where there are none, whatever this says.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HostException">The host is not reached, or a file cannot be read here or written there.</exception>
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
    /// Puts files on a host. If certificate and key are both new, they take effect together, when the key is renamed into place,
    /// as <see cref="PkiDirectory"/> reads them: if the connection is lost, the host has the old pair or the new one.
    /// </summary>
    private async Task PutAsync(
        string host,
        List<(string Path, byte[] Content)> files,
        CancellationToken cancellationToken
    )
    {
        var pair = CredentialsOf(host) as CertificateFiles;
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

    private IpsecCredentials? CredentialsOf(string host) =>
        Overlay.Tunnels.Ipsec?.Credentials.For(host);

    private IEnumerable<NamedFile> FilesOf(string host) =>
        CredentialsOf(host) switch
        {
            KeyFile file => [new("key", file.Path, IsSecret: true, IsReplaceable: false)],
            CertificateFiles files =>
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

/// <summary>The state on a host of the files that the overlay file names.</summary>
/// <param name="Files">The paths of those that this machine has, too.</param>
/// <param name="Due">Those that are still to be put there, or to replace others.</param>
/// <param name="Remark">A remark for the user; null if none.</param>
internal sealed record HostKeys(
    IReadOnlyList<string> Files,
    IReadOnlyList<ChangeDocument> Due,
    string? Remark
);
