using System.CommandLine;
using Weft.Core.History;
using Weft.Core.Overlays;

namespace Weft.Commands;

/// <summary>What every command on a host takes: the overlay, which of its hosts this is, and how to reach its switch.</summary>
/// <param name="takesFile">Whether the overlay is one that is named; else it is one that the command knows.</param>
/// <param name="takesInput">Whether the overlay may come by standard input.</param>
/// <param name="fileOption">What names the overlay file where the command's arguments are something else.</param>
internal sealed class HostOptions(
    bool takesFile = true,
    bool takesInput = true,
    Option<string?>? fileOption = null
)
{
    private readonly Argument<string?> file = CommonOptions.File(takesInput);
    private readonly Option<string> database = CommonOptions.Database();
    private readonly Option<Engine?> engine = CommonOptions.Engine();
    private readonly Option<DatapathChoice?> datapath = CommonOptions.Datapath();

    /// <summary>Which of the overlay's hosts this machine is.</summary>
    public Option<string?> Host { get; } = CommonOptions.As();

    /// <summary>All of them, with a command's own options after those that are used most.</summary>
    public IEnumerable<Symbol> With(params IEnumerable<Symbol> own) =>
        [
            .. takesFile ? [(Symbol?)fileOption ?? file] : (Symbol[])[],
            Host,
            .. own,
            database,
            engine,
            datapath,
        ];

    /// <summary>The overlay file: the one that was named, or the first default one that exists.</summary>
    /// <exception cref="UsageException">None was named and no default one exists.</exception>
    public string FileOf(ParseResult parsed) => OverlayLoader.PathOf(NamedIn(parsed));

    /// <summary>
    /// The overlay file in force: the one that was named or found or, in place of the host's own, the one that is tried.
    /// </summary>
    /// <inheritdoc cref="FileOf" path="/exception"/>
    public string FileInForceOf(ParseResult parsed) => OverlayLoader.InForce(NamedIn(parsed));

    /// <summary>The options that were given in place of what the file says, for weft on another host.</summary>
    public IEnumerable<string> Overrides(ParseResult parsed) =>
        [
            .. Override(parsed, engine, value => value.ToString()!.ToLowerInvariant()),
            .. Override(parsed, datapath, value => value.ToString()!.ToLowerInvariant()),
            .. Override(parsed, database, value => value),
        ];

    /// <summary>The engine that stands in for all others; null where each is itself.</summary>
    public Engine? EngineOf(ParseResult parsed) => parsed.GetValue(engine);

    /// <summary>The datapath in place of the file's; null where the file decides.</summary>
    public DatapathChoice? DatapathOf(ParseResult parsed) => parsed.GetValue(datapath);

    /// <summary>Where the switch's database listens.</summary>
    public string DatabaseOf(ParseResult parsed) => parsed.GetValue(database)!;

    /// <summary>
    /// The arguments for another command of weft about the same host: the file and the options that were given. It finds the
    /// host's own file by itself, or what stands in for that during a try.
    /// </summary>
    public IReadOnlyList<string> Again(ParseResult parsed) =>
        [
            .. NamedIn(parsed) is { } named ? [Path.GetFullPath(named)] : (string[])[],
            .. Override(parsed, Host, value => value!),
            .. Overrides(parsed),
        ];

    /// <summary>Reads the overlay.</summary>
    /// <inheritdoc cref="OverlayLoader.Load" path="/exception"/>
    public Overlay Load(ParseResult parsed) =>
        OverlayLoader.Load(NamedIn(parsed), parsed.GetValue(engine), parsed.GetValue(datapath));

    /// <summary>An option that was given, for weft on another host.</summary>
    public static IEnumerable<string> Override<T>(
        ParseResult parsed,
        Option<T> option,
        Func<T, string> words
    ) =>
        parsed.GetResult(option) is { Implicit: false }
            ? [option.Name, words(parsed.GetValue(option)!)]
            : [];

    /// <summary>Reads the overlay, and keeps what was read.</summary>
    /// <inheritdoc cref="OverlayLoader.Load" path="/exception"/>
    public LoadedFile Read(ParseResult parsed) =>
        OverlayLoader.Read(
            FileInForceOf(parsed),
            parsed.GetValue(engine),
            parsed.GetValue(datapath)
        );

    /// <summary>Reads an overlay file that was applied on this host before.</summary>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    public LoadedFile Former(ParseResult parsed, HistoryStore store, string file) =>
        OverlayLoader.Of(
            store.PathOf(file),
            store.FileOf(file),
            parsed.GetValue(engine),
            parsed.GetValue(datapath)
        );

    /// <summary>Opens the doors to this machine as one of the overlay's hosts.</summary>
    public Task<HostSession> OpenAsync(
        ParseResult parsed,
        Overlay overlay,
        string host,
        CancellationToken cancellationToken
    ) =>
        HostSession.OpenAsync(
            overlay,
            host,
            parsed.GetValue(database)!,
            TimeSpan.Zero,
            cancellationToken
        );

    /// <summary>Reads the overlay and opens the doors to this machine as the host that was named or that it is.</summary>
    /// <exception cref="UsageException">It is none of the overlay's hosts.</exception>
    public Task<HostSession> OpenAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        OpenAsync(parsed, TimeSpan.Zero, cancellationToken);

    /// <summary>The same, with patience for an Open vSwitch that is being started.</summary>
    /// <exception cref="UsageException">It is none of the overlay's hosts.</exception>
    public async Task<HostSession> OpenAsync(
        ParseResult parsed,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var read = Read(parsed);
        FirstMemory.Take(read.Bytes.Length);
        var session = await HostSession.OpenAsync(
            read.Overlay,
            OverlayLoader.RequireHost(read.Overlay, parsed.GetValue(Host)),
            parsed.GetValue(database)!,
            patience,
            cancellationToken
        );
        session.Source = read.Bytes;
        return session;
    }

    private string? NamedIn(ParseResult parsed) =>
        fileOption is null ? parsed.GetValue(file) : parsed.GetValue(fileOption);
}
