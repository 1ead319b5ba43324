using Weft.Core.Linux;
using Weft.Labs;
using Weft.LabTests;
using Xunit.Sdk;
using Xunit.v3;

// A lab of hosts with kernels of their own waits, or computes in one of them: two at once keep two processors busy. More would
// wait for processors, and overrun what must be done within a time.
[assembly: Parallelization(Mode = ParallelMode.Collections, MaxThreads = 2)]

namespace Weft.KernelTests;

/// <summary>Labs of hosts with kernels of their own.</summary>
internal static class KernelLab
{
    /// <summary>DESIGN's main job, encrypted, as the README gives it.</summary>
    public static string TwoHosts { get; } =
        File.ReadAllText(Path.Combine(Repository.Root, "examples", "ipsec.yaml"));

    /// <summary>The same with keys negotiated by ovs-monitor-ipsec.</summary>
    public static string MonitoredHosts { get; } =
        TwoHosts.Replace(
            "  ipsec:\n",
            "  ipsec:\n    manager: openvswitch-ipsec\n",
            StringComparison.Ordinal
        );

    /// <summary>What its labs are like.</summary>
    public static LabOptions Options { get; } = new() { Isolation = Isolation.Uml };

    /// <summary>Makes the hosts and applies the file in each.</summary>
    public static Task<OverlayLab> UpAsync(string yaml)
    {
        NeedsEncryption();
        return OverlayLab.UpAsync(yaml, Options);
    }

    /// <summary>Skips the test where hosts that encrypt cannot be made or watched.</summary>
    public static void NeedsEncryption()
    {
        Needs.ALab(Isolation.Uml);
        NeedsProgram("/usr/lib/ipsec/charon", "strongswan-charon");
        NeedsProgram(
            "/usr/lib/ipsec/plugins/libstrongswan-openssl.so",
            "libstrongswan-standard-plugins"
        );
        NeedsProgram("swanctl", "strongswan-swanctl");
        NeedsProgram("tcpdump", "tcpdump");
    }

    /// <summary>Skips the test where ovs-monitor-ipsec is missing.</summary>
    public static void NeedsMonitor() =>
        NeedsProgram("/usr/share/openvswitch/scripts/ovs-monitor-ipsec", "openvswitch-ipsec");

    /// <summary>Skips where a program is missing.</summary>
    public static void NeedsProgram(string program, string package)
    {
        if (Tool.Find(program) is null && !File.Exists(program))
        {
            Assert.Skip($"this machine has no {program}: apt-get install {package}");
        }
    }
}
