using System.Diagnostics;
using System.Text;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Hosts with an SSH server each, and a machine that is none of them and has the overlay file and a key.</summary>
internal sealed class FleetLab : IAsyncDisposable
{
    public const string Laptop = "laptop";

    /// <summary>A service manager that writes down what it is told, into /run/told: namespaces have none of their own.</summary>
    public const string ServiceManager = """
        printf '#!/bin/sh\necho "$@" >>/run/told\n' >/usr/local/bin/systemctl
        chmod +x /usr/local/bin/systemctl
        mkdir -p /run/systemd/system /etc/systemd/system
        """;

    private const string File = "/run/home/overlay.yaml";

    private readonly OverlayLab lab;

    private FleetLab(OverlayLab lab, bool putsProgram)
    {
        this.lab = lab;
        Program = putsProgram ? [] : ["--installed", WeftProgram.Path];
    }

    /// <summary>The lab, of which the last host is the laptop.</summary>
    public OverlayLab Lab => lab;

    /// <summary>Whether the program is one file, as it is published, which can be put on hosts.</summary>
    public static bool IsPublished => !System.IO.File.Exists($"{WeftProgram.Path}.dll");

    /// <summary>
    /// Which weft the hosts run: the one that is put in place, but for kernels that are processes, to which 30 MB by SSH
    /// take minutes on a busy machine.
    /// </summary>
    public string[] Program { get; }

    /// <summary>Makes the hosts of the overlay, and the laptop; nothing is applied.</summary>
    /// <param name="overlay">The overlay file, in which the laptop is a host named last.</param>
    /// <param name="options">What the lab is like.</param>
    public static async Task<FleetLab> UpAsync(string overlay, LabOptions? options = null)
    {
        Needs.ALab(options?.Isolation ?? default);
        foreach (var program in new[] { "sshd", "ssh", "ssh-keygen", "ssh-keyscan" })
        {
            Assert.SkipWhen(
                Tool.Find(program) is null,
                $"there is no {program}: apt install openssh-server openssh-client"
            );
        }
        var fleet = new FleetLab(
            await OverlayLab.BareAsync(overlay, options),
            putsProgram: IsPublished && options?.Isolation is not Isolation.Uml
        );
        try
        {
            foreach (var host in fleet.lab.Hosts)
            {
                await fleet.lab.RunAsync(host.Name, SshServer.OwnHome);
            }
            var key = await fleet.lab.RunAsync(Laptop, SshServer.NewKey);
            await Task.WhenAll(fleet.Hosts.Select(host => fleet.ServeAsync(host, key)));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>The hosts, without the laptop.</summary>
    public IEnumerable<string> Hosts =>
        lab.Hosts.Select(host => host.Name).Where(host => host != Laptop);

    /// <summary>Has the laptop know hosts by the keys that they show.</summary>
    public Task TrustAsync(params IEnumerable<string> hosts) =>
        lab.RunAsync(Laptop, SshServer.Trust(hosts.Select(host => lab.Lab[host])));

    /// <summary>Gives the laptop an overlay file, or one that goes with it, which only its owner may read.</summary>
    public async Task WriteFileAsync(string content, string path = File)
    {
        var result = await lab.Lab[Laptop]
            .RunAsync(
                ["sh", "-c", "umask 077; cat >\"$1\"", "sh", path],
                Encoding.UTF8.GetBytes(content),
                Needs.Cancellation
            );
        Assert.Equal(0, result.ExitCode);
    }

    /// <summary>An overlay file with the laptop as one more host, which is how a lab comes to have it.</summary>
    public static string WithLaptop(string overlay) =>
        overlay.Replace(
            "  host2: 192.0.2.2\n",
            $"  host2: 192.0.2.2\n  {Laptop}: 192.0.2.250\n",
            StringComparison.Ordinal
        );

    /// <summary>Runs weft on the laptop, with its overlay file.</summary>
    public Task<ToolResult> WeftAsync(string command, params IEnumerable<string> arguments) =>
        lab.WeftAsync(Laptop, [.. command.Split(' '), File, .. arguments, .. Program]);

    /// <summary>Begins to run weft on the laptop, with its overlay file.</summary>
    public Process Start(string command, params IEnumerable<string> arguments) =>
        Tool.Start(
            lab.Lab[Laptop]
                .Enter(
                    null,
                    [WeftProgram.Path, .. command.Split(' '), File, .. arguments, .. Program]
                ),
            lab.Lab[Laptop].Environment
        );

    /// <summary>Runs weft on the laptop; it must not fail.</summary>
    public async Task<string> WeftDoneAsync(string command, params IEnumerable<string> arguments)
    {
        var result = await WeftAsync(command, arguments);
        Assert.True(
            result.ExitCode == 0,
            $"{command}: {result.ExitCode}\n{result.Output}{result.Errors}"
        );
        return result.Output + result.Errors;
    }

    /// <summary>Starts a host's SSH server; it listens then.</summary>
    public async Task StartServerAsync(string host)
    {
        await lab.RunAsync(host, SshServer.Start(lab.Lab[host]));
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync(host, SshServer.Listens)).ExitCode == 0
        );
    }

    /// <summary>Ends a host's SSH server.</summary>
    public async Task StopServerAsync(string host)
    {
        await lab.RunAsync(host, "kill $(cat /run/sshd.pid)");
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync(host, "test -e /run/sshd.pid")).ExitCode != 0
        );
    }

    public ValueTask DisposeAsync() => lab.DisposeAsync();

    private async Task ServeAsync(string host, string key)
    {
        await lab.RunAsync(host, SshServer.LetIn(key));
        await StartServerAsync(host);
    }
}
