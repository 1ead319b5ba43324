using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Linux;
using Weft.Labs.Guests;

namespace Weft.Labs;

/// <summary>
/// Makes hosts with kernels of their own: User Mode Linux, which runs as an ordinary process. Such a host has what the machine's
/// kernel may lack and can be rebooted, but takes seconds where namespaces take a tenth of one.
/// </summary>
internal sealed class UmlIsolation : IIsolation
{
    /// <summary>What Debian has User Mode Linux in. Ubuntu has none.</summary>
    public const string Package = "user-mode-linux";

    private const int MegabytesOfMemory = 256;
    private const long BytesOfDisk = 4L << 30;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan OneTry = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Programs { get; } =
        new Dictionary<string, string>
        {
            ["ip"] = "iproute2",
            ["linux.uml"] = Package,
            ["mkfs.ext4"] = "e2fsprogs",
            ["modprobe"] = "kmod",
            ["nsenter"] = "util-linux",
            // Until util-linux 2.41 in util-linux, which every Debian has.
            ["pivot_root"] = "util-linux-extra",
            ["script"] = "bsdutils",
            ["setsid"] = "util-linux",
            ["unshare"] = "util-linux",
        };

    /// <inheritdoc/>
    public string? ControlAddress => "10.255.255.254/16";

    /// <inheritdoc/>
    public bool? HasKernelDatapath => true;

    /// <inheritdoc/>
    public bool CanReboot => true;

    /// <inheritdoc/>
    public Holder Prepare(LabDirectory directory, LabRecord lab, HostRecord host)
    {
        directory.Unpack("host-layers.sh");
        directory.Unpack("uml-preload.so");
        directory.Unpack("uml-pages.so");
        directory.Unpack("uml-modprobe");
        var init = directory.Unpack("uml-init.sh");
        File.SetUnixFileMode(
            init,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        var disk = directory.FileOf(host.Name, "disk");
        return Holder.Start(
            $"host '{host.Name}'",
            directory.Unpack("uml-host.sh"),
            directory.FileOf(host.Name, "console"),
            lab.Uptime.ToString(),
            host.Port.ToString(),
            $"umid={host.Name}",
            $"uml_dir={directory.FileOf(host.Name, "uml")}",
            $"mem={MegabytesOfMemory}M",
            "root=/dev/root",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            "quiet",
            "con=null",
            "con0=fd:0,fd:1",
            "ssl=null",
            $"ubda={disk}",
            Interface("vec0", "port", lab, host, $",mtu={host.Mtu}"),
            Interface("vec1", "control", lab, host, ""),
            $"init={init}",
            $"WEFT_HOST={host.Name}",
            $"WEFT_MTU={host.Mtu}",
            $"WEFT_CONTROL={AddressOf(host)}/16",
            $"WEFT_LAB={Path.GetDirectoryName(init)}",
            $"WEFT_AGENT=\"{string.Join(' ', lab.Program)}\""
        );
    }

    /// <inheritdoc/>
    public async Task<HeldProcess> MakeAsync(
        Holder holder,
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    )
    {
        var directory = new LabDirectory(lab.Name);
        var disk = directory.FileOf(host.Name, "disk");
        if (!File.Exists(disk))
        {
            await MakeDiskAsync(disk, cancellationToken);
            await new Segment(lab.Segment).AddTapsAsync(host, cancellationToken);
        }
        var process = await holder.GoAsync(
            cancellationToken,
            lab.Segment.Init!.Value.Pid.ToString()
        );
        await AnswersAsync(directory, lab, host with { Process = process }, cancellationToken);
        return process;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Enter(
        LabRecord lab,
        HostRecord host,
        params IEnumerable<string> command
    ) =>
        [
            .. IIsolation.WithSignals,
            .. lab.Program,
            "lab",
            "shell",
            Segment.NamespaceOf(lab.Segment),
            AddressOf(host).ToString(),
            "--",
            .. command,
        ];

    /// <inheritdoc/>
    public Task RemoveAsync(HostRecord host, CancellationToken cancellationToken) =>
        Holder.EndAsync(host.Process, cancellationToken);

    private static IPAddress AddressOf(HostRecord host) =>
        new([10, 255, (byte)(host.Port >> 8), (byte)host.Port]);

    private static string Interface(
        string name,
        string wire,
        LabRecord lab,
        HostRecord host,
        string more
    ) =>
        $"{name}:transport=tap,ifname={wire}{host.Port},depth=128,gro=1,mac={MacAddress.Derive(lab.Name, host.Name, wire)}{more}";

    private static async Task MakeDiskAsync(string disk, CancellationToken cancellationToken)
    {
        await using (var file = File.Create(disk))
        {
            // A sparse file: it takes only the room of what is written to it.
            file.SetLength(BytesOfDisk);
        }
        var made = await Tool.RunAsync(
            ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", disk],
            cancellationToken: cancellationToken
        );
        if (made.ExitCode != 0)
        {
            throw new LabException($"{disk} could not be made: {made.Errors.Trim()}");
        }
    }

    /// <summary>Waits until the host runs commands.</summary>
    private static async Task AnswersAsync(
        LabDirectory directory,
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    )
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        while (host.Process.Init is { IsAlive: true })
        {
            using var once = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
            once.CancelAfter(OneTry);
            try
            {
                using var shell = await GuestShell.ConnectAsync(
                    Segment.NamespaceOf(lab.Segment),
                    AddressOf(host),
                    once.Token
                );
                return;
            }
            catch (LabException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), deadline.Token);
            }
            catch (OperationCanceledException) when (!deadline.IsCancellationRequested)
            {
                // The host does not answer ARP yet.
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                break;
            }
        }
        // What led to it stands before what a kernel prints of itself when its first process ends.
        var console = File.ReadLines(directory.FileOf(host.Name, "console"))
            .TakeWhile(line => !line.StartsWith("Kernel panic", StringComparison.Ordinal));
        throw new LabException(
            $"host '{host.Name}' does not come up; the end of its console: {string.Join(" | ", console.TakeLast(5))}"
        );
    }
}
