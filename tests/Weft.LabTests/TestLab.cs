using System.Net;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.LabTests;

/// <summary>A lab for one test.</summary>
internal sealed class TestLab : IAsyncDisposable
{
    private TestLab(Lab lab) => Lab = lab;

    public Lab Lab { get; private set; }

    public LabHost this[string host] => Lab[host];

    public static Task<TestLab> UpAsync(Overlay overlay, LabOptions? options = null) =>
        UpAsync(overlay, OverlayYaml.Write(overlay), options);

    public static async Task<TestLab> UpAsync(
        Overlay overlay,
        ReadOnlyMemory<byte> file,
        LabOptions? options = null
    )
    {
        Needs.ALab(options?.Isolation ?? default);
        return new TestLab(
            await Lab.UpAsync(
                overlay,
                file,
                (options ?? new LabOptions()) with
                {
                    Name = NewName(),
                    Program = [WeftProgram.Path],
                },
                Needs.Cancellation
            )
        );
    }

    /// <summary>An overlay of hosts alone.</summary>
    public static Overlay HostsAt(int mtu, params IEnumerable<string> addresses) =>
        new()
        {
            Name = "underlay",
            Hosts =
            [
                .. addresses.Select(
                    (address, index) =>
                        new Host
                        {
                            Name = $"host{index + 1}",
                            Address = IPAddress.Parse(address),
                            Mtu = mtu,
                        }
                ),
            ],
        };

    public static string NewName() => $"test-{Guid.NewGuid():N}"[..13];

    /// <summary>Runs a script in a host and gives what it printed; it must not fail.</summary>
    public async Task<string> RunAsync(string host, string script)
    {
        var result = await Lab[host].RunAsync(["sh", "-euc", script], default, Needs.Cancellation);
        Assert.True(result.ExitCode == 0, $"{host}: {script}\n{result.Output}{result.Errors}");
        return result.Output;
    }

    /// <summary>Turns a host off and on again.</summary>
    /// <param name="host">The host.</param>
    /// <param name="cut">Whether it loses its power.</param>
    public async Task RebootAsync(string host, bool cut) =>
        Lab = await Lab.RebootAsync(host, cut, Needs.Cancellation);

    /// <summary>Has kernels that boot from now on say that they have run for so many seconds when they start their first process.</summary>
    public void BootAt(int uptime)
    {
        new LabDirectory(Lab.Name).Write(Lab.Record with { Uptime = uptime });
        Lab = Lab.Open(Lab.Name);
    }

    public async ValueTask DisposeAsync() => await Lab.DownAsync(Lab.Name);
}
