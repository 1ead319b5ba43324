namespace Weft.Labs;

/// <summary>How a lab is to be made.</summary>
internal sealed record LabOptions
{
    /// <summary>The lab's name; that of the overlay where none is given.</summary>
    public string? Name { get; init; }

    /// <summary>What its hosts are made of.</summary>
    public Isolation Isolation { get; init; }

    /// <summary>The beginning of the command line of the program that runs in its hosts: this one, unless given.</summary>
    public IReadOnlyList<string> Program { get; init; } = Self.Command;

    /// <summary>The datapath of its switches; where none is given the overlay's, and else what the machine has.</summary>
    public Datapath? Datapath { get; init; }

    /// <summary>Whether containers are made by their own engines; else network namespaces stand in for them.</summary>
    public bool Engines { get; init; }

    /// <summary>
    /// How many seconds a kernel of a host's own has run, by its own account, when it starts its first process: more than the
    /// ten from which on Open vSwitch 3.1 may be started, unless given.
    /// </summary>
    public int Uptime { get; init; } = 11;

    /// <summary>Called with a word on what is being done, again and again.</summary>
    public Action<string>? Progress { get; init; }
}
