using System.Net;
using System.Security.Cryptography;
using System.Text;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Core.Pki;

namespace Weft.Labs;

/// <summary>Makes the hosts of one lab, all of them at the same time.</summary>
internal sealed class LabMaker(
    LabDirectory directory,
    Overlay overlay,
    Datapath datapath,
    IIsolation isolation,
    LabOptions options
)
{
    private const int MostAtOnce = 16;

    private const int KeyBytes = 32;
    private const int CertificateDays = 365;

    private const string WritePrivately =
        "umask 077; mkdir -p \"${1%/*}\"; rm -f \"$1\"; cat >\"$1\"";

    private readonly IpsecCredentials? credentials = overlay.Tunnels.Ipsec?.Credentials;
    private int ready;

    /// <summary>Makes the lab and writes down each step before it is taken.</summary>
    /// <param name="file">The overlay file.</param>
    /// <param name="cancellationToken">Stops it; what was made is for the caller to remove.</param>
    /// <exception cref="LabException">Something could not be made.</exception>
    public async Task<LabRecord> MakeAsync(
        ReadOnlyMemory<byte> file,
        CancellationToken cancellationToken
    )
    {
        var holders = new List<Holder>();
        try
        {
            options.Progress?.Invoke("preparing");
            if (credentials is CertificateFiles)
            {
                MakeCertificates();
            }
            using var wire = Segment.Prepare(directory, isolation.ControlAddress, Routers());
            var record = new LabRecord
            {
                Name = directory.Name,
                Overlay = overlay.Name,
                Isolation = options.Isolation,
                Program = options.Program,
                Engines = options.Engines,
                Uptime = options.Uptime,
                Key =
                    credentials is SharedKey
                        ? Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes))
                        : null,
                KeyVariable = (credentials as KeyVariable)?.Name,
                Datapath = datapath,
                Created = TimeProvider.System.GetUtcNow(),
                Boot = Boot.Id,
                Segment = new HeldProcess(wire.Identity),
                Hosts =
                [
                    .. overlay.Hosts.Select(
                        (host, index) =>
                            new HostRecord(
                                host.Name,
                                host.Address.ToString(),
                                HeldProcess.None,
                                Port: index + 1,
                                host.Mtu,
                                BootArguments(host),
                                BehindRouter: host.Local is not null
                            )
                            {
                                Containers = options.Engines ? LabEngines.On(host, overlay) : [],
                            }
                    ),
                ],
            };
            if (options.Engines)
            {
                record = record with
                {
                    Hosts =
                    [
                        .. record.Hosts.Select(host =>
                            host with
                            {
                                ControlGroup = ControlGroup.Of(record, host.Name),
                            }
                        ),
                    ],
                };
            }
            foreach (var host in record.Hosts)
            {
                cancellationToken.ThrowIfCancellationRequested();
                holders.Add(isolation.Prepare(directory, record, host));
            }
            var hosts = record
                .Hosts.Zip(
                    holders,
                    (host, holder) => host with { Process = new HeldProcess(holder.Identity) }
                )
                .ToArray();
            record = record with { Hosts = hosts };
            directory.Write(record);

            record = record with { Segment = await wire.GoAsync(cancellationToken) };
            await Parallel.ForAsync(
                0,
                hosts.Length,
                new ParallelOptions
                {
                    MaxDegreeOfParallelism = MostAtOnce,
                    CancellationToken = cancellationToken,
                },
                async (index, cancellation) =>
                {
                    hosts[index] = hosts[index] with
                    {
                        Process = await isolation.MakeAsync(
                            holders[index],
                            record,
                            hosts[index],
                            cancellation
                        ),
                    };
                    await SetUpAsync(record, hosts[index], file, cancellation);
                    await GiveCredentialsAsync(record, hosts[index], cancellation);
                    await StartEnginesAsync(record, hosts[index], cancellation);
                    options.Progress?.Invoke(
                        $"{Interlocked.Increment(ref ready)} of {hosts.Length} hosts ready"
                    );
                }
            );
            record = record with { Hosts = [.. hosts], Complete = true };
            directory.Write(record);
            return record;
        }
        finally
        {
            holders.ForEach(holder => holder.Dispose());
        }
    }

    private async Task SetUpAsync(
        LabRecord lab,
        HostRecord host,
        ReadOnlyMemory<byte> file,
        CancellationToken cancellationToken
    )
    {
        var hosts = string.Join('\n', overlay.Hosts.Select(one => $"{one.Address} {one.Name}"));
        var setUp = await new LabHost(lab, host, isolation).RunAsync(
            [
                "sh",
                "-c",
                LabDirectory.Script("host-setup.sh") + LabDirectory.Script("host-boot.sh"),
                "host-setup.sh",
                .. host.Boot,
                hosts,
            ],
            file,
            cancellationToken
        );
        if (setUp.ExitCode != 0)
        {
            throw new LabException(
                $"host '{host.Name}' was made and could not be set up: {setUp.Errors.Trim()}"
            );
        }
    }

    private async Task StartEnginesAsync(
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    )
    {
        if (host.Containers.Count == 0)
        {
            return;
        }
        var started = await new LabHost(lab, host, isolation).RunAsync(
            LabEngines.Start(host.Containers),
            default,
            cancellationToken
        );
        if (started.ExitCode != 0)
        {
            throw new LabException(
                $"host '{host.Name}' was made and its engines made no containers: {started.Errors.Trim()}"
            );
        }
    }

    private IEnumerable<Router> Routers() =>
        overlay.Hosts.SelectMany(
            (host, index) =>
                host.Local is { } local
                    ?
                    [
                        new Router(
                            Port: index + 1,
                            host.Address,
                            SubnetOf(host.Address).PrefixLength,
                            local,
                            host.Mtu
                        ),
                    ]
                    : (Router[])[]
        );

    private string[] BootArguments(Host host)
    {
        var address = host.Local ?? host.Address;
        var subnet = host.Local is null
            ? SubnetOf(address)
            : IPText.SubnetOf(address, Router.LocalPrefixLength);
        return
        [
            datapath.Word,
            $"{host.Mtu}",
            $"{address}",
            $"{subnet.PrefixLength}",
            $"{subnet}",
            string.Join(' ', ContainersOn(host)),
            overlay.Tunnels.Ipsec?.Manager.Word ?? "",
            host.Local is null ? "" : $"{Router.Neighbour(address)}",
        ];
    }

    /// <summary>Puts the host's key or certificates where the overlay looks for them.</summary>
    private async Task GiveCredentialsAsync(
        LabRecord lab,
        HostRecord host,
        CancellationToken cancellationToken
    )
    {
        IEnumerable<(string Path, string Text)> files = credentials switch
        {
            KeyFile { Path: var path } => [(path, $"{lab.Key}\n")],
            CertificateFiles of => CertificatesOf(host.Name, of.For(host.Name)),
            _ => [],
        };
        foreach (var (path, text) in files)
        {
            var written = await new LabHost(lab, host, isolation).RunAsync(
                ["sh", "-euc", WritePrivately, "weft", path],
                Encoding.UTF8.GetBytes(text),
                cancellationToken
            );
            if (written.ExitCode != 0)
            {
                throw new LabException($"host '{host.Name}': {written.Errors.Trim()}");
            }
        }
    }

    private (string, string)[] CertificatesOf(string host, CertificateFiles files)
    {
        var pki = new PkiDirectory(directory.Pki);
        var pair = pki.ReadPair(host);
        return
        [
            (files.Authority, File.ReadAllText(pki.CertificateFile(PkiDirectory.Authority))),
            (files.Certificate, pair.Certificate),
            (files.Key, pair.Key),
        ];
    }

    private void MakeCertificates()
    {
        using var writer = PkiWriter.Make(new PkiDirectory(directory.Pki), TimeProvider.System);
        writer.MakeAuthority(overlay.Name, KeyKind.P256, days: CertificateDays);
        var kind = overlay.Tunnels.Ipsec is { Manager: IpsecManager.OpenVSwitch }
            ? KeyKind.Rsa3072
            : (KeyKind?)null;
        foreach (var host in overlay.Hosts)
        {
            writer.Issue(CertificateNames.Of(overlay, host), kind, days: CertificateDays);
        }
    }

    private IEnumerable<string> ContainersOn(Host host) =>
        overlay
            .Containers.Where(container =>
                container.Host == host.Name
                && (!options.Engines || container.Engine is Engine.Netns)
            )
            .Select(container => container.Name);

    private IPNetwork SubnetOf(IPAddress address) =>
        Underlay.Subnet([
            .. overlay
                .Hosts.Select(host => host.Address)
                .Where(other => other.AddressFamily == address.AddressFamily),
        ]);
}
