using System.Diagnostics;
using System.Text;

namespace Weft.Vici.Tests;

/// <summary>
/// Two charons on two hosts made of namespaces, a and b, with a link between them. Nothing of the machine's own is
/// touched: daemons, links, policies and their files end with the first process of the namespaces.
/// </summary>
internal sealed class TwoHosts : IAsyncDisposable
{
    private static readonly Lazy<bool> s_kernelHasEsp = new(FindEsp);

    private readonly string _directory = Directory.CreateTempSubdirectory("weft-vici-").FullName;
    private readonly Process _init;

    private TwoHosts(bool isForAssociations)
    {
        File.WriteAllText(ScriptPath, Script());
        // Without ESP in the kernel the daemon does it in user space, which is in tunnel mode and without ESN.
        var ipsec = KernelHasEsp || !isForAssociations ? "" : "kernel-libipsec ";
        foreach (var host in (string[])["a", "b"])
        {
            File.WriteAllText(
                ConfigPath(host),
                $$"""
                charon {
                  load = random nonce aes gcm sha1 sha2 hmac kdf openssl pem pkcs1 pkcs8 x509 pubkey constraints {{ipsec}}kernel-netlink socket-default vici
                  filelog { log { path = {{_directory}}/{{host}}.log
                    default = 1
                    flush_line = yes } }
                  plugins { vici { socket = unix://{{SocketPath(host)}} } }
                }
                swanctl { load = pem pkcs1 x509 openssl random }
                """
            );
        }

        var start = new ProcessStartInfo("unshare")
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (
            var argument in (string[])
                [
                    "--net",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                    "sh",
                    ScriptPath,
                    _directory,
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }

        _init = Process.Start(start)!;
    }

    /// <summary>How long anything may take on a machine that is busy.</summary>
    public static TimeSpan Patience => TimeSpan.FromSeconds(60);

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Can the kernel do ESP? Then it does, in transport mode.</summary>
    public static bool KernelHasEsp => s_kernelHasEsp.Value;

    private string ScriptPath => Path.Combine(_directory, "two-hosts.sh");

    /// <summary>Starts both, and waits until both daemons answer.</summary>
    /// <param name="isForAssociations">False where only policies are installed: those are always the kernel's.</param>
    public static async Task<TwoHosts> UpAsync(bool isForAssociations = true)
    {
        Needs();
        var hosts = new TwoHosts(isForAssociations);
        try
        {
            foreach (var host in (string[])["a", "b"])
            {
                await EventuallyAsync(
                    async () =>
                    {
                        await using var client = await hosts.ConnectAsync(host);
                        return true;
                    },
                    () => hosts.Log(host)
                );
            }

            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    public static void Needs()
    {
        if (Environment.UserName != "root")
        {
            Assert.Skip("charon needs root, and namespaces do");
        }

        foreach (
            var (file, package) in ((string, string)[])
                [
                    ("/usr/lib/ipsec/charon", "strongswan-charon"),
                    ("/usr/lib/ipsec/plugins/libstrongswan-vici.so", "strongswan-swanctl"),
                    ("/usr/sbin/swanctl", "strongswan-swanctl"),
                ]
        )
        {
            if (!File.Exists(file))
            {
                Assert.Skip($"{file} is not installed (Debian: {package})");
            }
        }

        if (
            !KernelHasEsp && !File.Exists("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")
        )
        {
            Assert.Skip(
                "this kernel has no ESP, and the plugin kernel-libipsec is not installed (Debian: libcharon-extra-plugins)"
            );
        }
    }

    /// <summary>Waits until a condition holds; that something is not there yet is no error.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> condition, Func<string> otherwise)
    {
        var began = Stopwatch.GetTimestamp();
        Exception? last = null;
        while (Stopwatch.GetElapsedTime(began) < Patience)
        {
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (ViciException e)
            {
                last = e;
            }

            await Task.Delay(20, Cancellation);
        }

        Assert.Fail($"not within {Patience.TotalSeconds} s: {last?.Message} {otherwise()}");
    }

    public string SocketPath(string host) => Path.Combine(_directory, $"{host}.vici");

    public Task<ViciClient> ConnectAsync(string host) =>
        ViciClient.ConnectAsync(SocketPath(host), cancellationToken: Cancellation);

    public string Log(string host) =>
        string.Join(
            '\n',
            Read(Path.Combine(_directory, $"{host}.log")),
            Read(Path.Combine(_directory, $"{host}.out"))
        );

    /// <summary>Has a command run where both hosts are; <c>$a</c> and <c>$b</c> are their daemons.</summary>
    public async Task DoAsync(string command)
    {
        await _init.StandardInput.WriteLineAsync(command);
        await _init.StandardInput.FlushAsync();
    }

    /// <summary>Sends pings from a to b through the association.</summary>
    public Task PingAsync() =>
        DoAsync(
            KernelHasEsp
                ? "ip netns exec a ping -c 3 -i 0.2 10.88.0.2"
                : "ip netns exec a ping -c 3 -i 0.2 -I 10.91.0.1 10.91.0.2"
        );

    /// <summary>The connection of a host to the other one, and its secret.</summary>
    public static ViciMessage Connection(string host, ViciMessage? more = null)
    {
        var (me, other) = host == "a" ? (1, 2) : (2, 1);
        return new ViciMessage
        {
            ["version"] = 2,
            ["mobike"] = false,
            ["proposals"] = ViciList.Of("aes256gcm16-prfsha256-ecp256"),
            ["local_addrs"] = ViciList.Of($"10.88.0.{me}"),
            ["remote_addrs"] = ViciList.Of($"10.88.0.{other}"),
            ["local"] = new ViciMessage { ["auth"] = "psk", ["id"] = host },
            ["remote"] = new ViciMessage { ["auth"] = "psk", ["id"] = host == "a" ? "b" : "a" },
            ["children"] = new ViciMessage
            {
                ["net"] = new ViciMessage([
                    .. new ViciMessage
                    {
                        ["mode"] = KernelHasEsp ? "transport" : "tunnel",
                        ["esp_proposals"] = ViciList.Of(
                            KernelHasEsp ? "aes256gcm16-ecp256-esn" : "aes256gcm16-ecp256"
                        ),
                        ["local_ts"] = ViciList.Of(KernelHasEsp ? "dynamic" : $"10.91.0.{me}/32"),
                        ["remote_ts"] = ViciList.Of(
                            KernelHasEsp ? "dynamic" : $"10.91.0.{other}/32"
                        ),
                    },
                    .. more ?? ViciMessage.Empty,
                ]),
            },
        };
    }

    /// <summary>Loads what an association between the hosts needs.</summary>
    public static async Task LoadAsync(
        ViciClient client,
        string host,
        string secret = "a secret",
        ViciMessage? more = null
    )
    {
        await client.LoadSharedAsync(
            new SharedSecret
            {
                Id = "ike-1",
                Owners = [host == "a" ? "b" : "a"],
                Data = secret,
            },
            Cancellation
        );
        await client.LoadConnectionAsync("peer", Connection(host, more), Cancellation);
    }

    /// <summary>Runs swanctl on a host, and gives back what it printed.</summary>
    public async Task<string> SwanctlAsync(string host, params string[] arguments)
    {
        var start = new ProcessStartInfo("/usr/sbin/swanctl")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = _directory,
        };
        foreach (var argument in (string[])[.. arguments, "--uri", $"unix://{SocketPath(host)}"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["STRONGSWAN_CONF"] = ConfigPath(host);
        start.Environment["SWANCTL_DIR"] = _directory;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Cancellation);
        var errors = process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.True(
            process.ExitCode == 0,
            $"swanctl {string.Join(' ', arguments)}: {await errors}"
        );
        return await output;
    }

    public string WriteFile(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public async ValueTask DisposeAsync()
    {
        // The end of its input ends the first process, and that all others before anybody hears of it.
        _init.StandardInput.Close();
        await _init.WaitForExitAsync(CancellationToken.None).WaitAsync(Patience);
        _init.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private string ConfigPath(string host) => Path.Combine(_directory, $"{host}.conf");

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";

    private static string Script()
    {
        using var stream = typeof(TwoHosts).Assembly.GetManifestResourceStream("two-hosts.sh")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    // Asked in a namespace that goes with the question.
    private static bool FindEsp()
    {
        var start = new ProcessStartInfo("unshare")
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (
            var argument in "--net ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode transport aead rfc4106(gcm(aes))".Split(
                ' '
            )
        )
        {
            start.ArgumentList.Add(argument);
        }

        start.ArgumentList.Add($"0x{new string('a', 72)}");
        start.ArgumentList.Add("128");
        using var process = Process.Start(start)!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
