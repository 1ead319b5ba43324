namespace Weft.Labs;

/// <summary>How a lab is to be made.</summary>
internal sealed record LabOptions
{
    /// <summary>The lab's name; that of the overlay where none is given.</summary>
    public string? Name { get; init; }

    /// <summary>What its hosts are made of.</summary>
    public Isolation Isolation { get; init; }

    /// <summary>The first words of the command line that runs Weft in its hosts: those of this program, unless given.</summary>
    public IReadOnlyList<string> Program { get; init; } = Self.Command;

    /// <summary>The datapath of its switches; if not given, the overlay's choice, or else what the machine has.</summary>
    public Datapath? Datapath { get; init; }

    /// <summary>Whether containers are made by their own engines; else network namespaces stand in for them.</summary>
    public bool Engines { get; init; }

    /// <summary>
    /// The uptime in seconds that a host's own kernel claims when it starts its first process. The default is above the ten
    /// seconds before which Open vSwitch 3.1 must not be started.
    /// </summary>
    public int Uptime { get; init; } = 11;

    /// <summary>Called with a word on what is being done, again and again.</summary>
    public Action<string>? Progress { get; init; }
}
