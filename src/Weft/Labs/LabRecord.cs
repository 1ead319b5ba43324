using System.Text.Json.Serialization;
using Weft.Core.Engines;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>The record of a lab, by which every later command finds it, and finds all of it.</summary>
internal sealed record LabRecord
{
    /// <summary>The lab's name.</summary>
    public required string Name { get; init; }

    /// <summary>The name of the overlay that it was made for.</summary>
    public required string Overlay { get; init; }

    /// <summary>What its hosts are made of.</summary>
    public Isolation Isolation { get; init; }

    /// <summary>The first words of the command line that runs Weft in its hosts.</summary>
    public IReadOnlyList<string> Program { get; init; } = [];

    /// <summary>Whether its containers are made by their own engines.</summary>
    public bool Engines { get; init; }

    /// <summary>The uptime in seconds that a host's own kernel claims when it starts its first process.</summary>
    public int Uptime { get; init; }

    /// <summary>The lab's own shared key, for an overlay that has one; labs never use the machine's keys.</summary>
    public string? Key { get; init; }

    /// <summary>The variable in the hosts' environment that holds <see cref="Key"/>, where the overlay says so.</summary>
    public string? KeyVariable { get; init; }

    /// <summary>The datapath of its switches, <c>kernel</c> or <c>userspace</c>.</summary>
    public required Datapath Datapath { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The kernel's <c>random/boot_id</c>: the PIDs here mean nothing after a restart of the machine.</summary>
    public required string Boot { get; init; }

    /// <summary>Whether every host was made; until then the lab can only be removed.</summary>
    public bool Complete { get; init; }

    /// <summary>What holds the segment between the hosts.</summary>
    public required HeldProcess Segment { get; init; }

    /// <summary>The hosts, in the order of the overlay file.</summary>
    public required IReadOnlyList<HostRecord> Hosts { get; init; }

    /// <summary>The record as it holds now: without processes if the machine was restarted since.</summary>
    /// <param name="boot">The kernel's <c>random/boot_id</c> now.</param>
    public LabRecord AsOf(string boot) =>
        boot == Boot
            ? this
            : this with
            {
                Segment = HeldProcess.None,
                Hosts = [.. Hosts.Select(host => host with { Process = HeldProcess.None })],
            };
}

/// <summary>The record of one host.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its underlay address.</param>
/// <param name="Process">What holds it.</param>
/// <param name="Port">The number of its port on the segment, from 1.</param>
/// <param name="Mtu">The MTU of its <c>eth0</c> in bytes.</param>
/// <param name="Boot">The arguments of <c>host-boot.sh</c>.</param>
/// <param name="BehindRouter">
/// Whether it is behind a router that translates its address, rather than on the segment itself.
/// </param>
internal sealed record HostRecord(
    string Name,
    string Address,
    HeldProcess Process,
    int Port,
    int Mtu,
    IReadOnlyList<string> Boot,
    bool BehindRouter = false
)
{
    /// <summary>The containers that engines have made in it.</summary>
    public IReadOnlyList<ContainerKey> Containers { get; init; } = [];

    /// <summary>The control group that contains everything of the host; null where it has none of its own.</summary>
    public string? ControlGroup { get; init; }
}

/// <summary>The two processes that keep a set of namespaces alive; the namespaces go with them.</summary>
/// <param name="Holder">The process on the machine: known before anything is made.</param>
/// <param name="Init">The first process in the new process namespace: known once it is made.</param>
internal sealed record HeldProcess(ProcessIdentity Holder, ProcessIdentity? Init = null)
{
    /// <summary>No process: what it held is gone for certain.</summary>
    public static HeldProcess None { get; } = new(default(ProcessIdentity));
}

/// <summary>What the hosts of a lab are made of.</summary>
internal enum Isolation
{
    /// <summary>Namespaces on the machine's own kernel.</summary>
    [JsonStringEnumMemberName("netns")]
    Netns,

    /// <summary>User Mode Linux: a kernel of its own for each.</summary>
    [JsonStringEnumMemberName("uml")]
    Uml,
}

/// <summary>Which of Open vSwitch's datapaths the hosts of a lab use.</summary>
internal enum Datapath
{
    /// <summary>The one inside ovs-vswitchd.</summary>
    [JsonStringEnumMemberName("userspace")]
    Userspace,

    /// <summary>The kernel module.</summary>
    [JsonStringEnumMemberName("kernel")]
    Kernel,
}

/// <summary>What a lab's datapaths are called.</summary>
internal static class DatapathWords
{
    extension(Datapath datapath)
    {
        /// <summary>The datapath's name in the overlay file.</summary>
        public string Word => datapath is Datapath.Kernel ? "kernel" : "userspace";
    }
}

/// <summary>How a lab's record is written as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(LabRecord))]
internal sealed partial class LabJson : JsonSerializerContext;
