using Weft.Core.Engines;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>One host of a lab that is up.</summary>
internal sealed class LabHost(LabRecord lab, HostRecord record, IIsolation isolation)
{
    /// <summary>The host's name.</summary>
    public string Name => record.Name;

    /// <summary>The host's underlay address.</summary>
    public string Address => record.Address;

    /// <summary>The containers that engines have made in it.</summary>
    public IReadOnlyList<ContainerKey> Containers => record.Containers;

    /// <summary>The PID on the machine of the host's first process; null where there is none.</summary>
    public int? Pid => IsAlive ? record.Process.Init!.Value.Pid : null;

    /// <summary>Whether the host still runs.</summary>
    public bool IsAlive => record.Process.Init is { IsAlive: true };

    /// <summary>
    /// The environment of everything that runs in the host: the datapath that the lab was made with, that namespaces stand in for
    /// the containers of all engines (where they do), and the shared key if the overlay takes it from a variable.
    /// </summary>
    public IReadOnlyDictionary<string, string> Environment { get; } = EnvironmentOf(lab);

    /// <summary>The command on the machine that runs a command in the host or in one of its containers.</summary>
    /// <exception cref="LabException">The host no longer runs.</exception>
    public IReadOnlyList<string> Enter(string? container, params IEnumerable<string> command)
    {
        if (!IsAlive)
        {
            throw new LabException(
                $"host '{Name}' does not run any more: remove the lab with 'weft lab down' and make it again"
            );
        }
        return isolation.Enter(
            lab,
            record,
            container is null ? command : Inside(container, command)
        );
    }

    /// <summary>Runs a command in the host to its end.</summary>
    /// <exception cref="LabException">The host no longer runs.</exception>
    public Task<ToolResult> RunAsync(
        IEnumerable<string> command,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    ) =>
        Tool.RunAsync(
            Enter(null, command),
            input,
            Environment,
            cancellationToken: cancellationToken
        );

    /// <summary>Runs a command in one of the host's containers to its end.</summary>
    /// <exception cref="LabException">The host no longer runs.</exception>
    public Task<ToolResult> RunInAsync(
        string container,
        IEnumerable<string> command,
        CancellationToken cancellationToken = default
    ) =>
        Tool.RunAsync(
            Enter(container, command),
            default,
            Environment,
            cancellationToken: cancellationToken
        );

    private IEnumerable<string> Inside(string container, IEnumerable<string> command) =>
        record.Containers.FirstOrDefault(one => one.Name == container) is { Name: not null } one
            ? LabEngines.Enter(one, command)
            : ["ip", "netns", "exec", container, .. command];

    private static Dictionary<string, string> EnvironmentOf(LabRecord lab)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["WEFT_DATAPATH"] = lab.Datapath.Word,
        };
        if (!lab.Engines)
        {
            environment["WEFT_ENGINE"] = "netns";
        }
        // So that `weft` is found in the host even if the user runs it by a path.
        if (lab.Program is [var program])
        {
            environment["PATH"] = $"{Tool.Path}:{Path.GetDirectoryName(program)}";
        }
        if (lab is { KeyVariable: { } variable, Key: { } key })
        {
            environment[variable] = key;
        }
        return environment;
    }
}
