using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// The lab of examples/ipsec.yaml, which takes seconds to make: one for all tests that need no other. Each
/// finds it with all ways open and leaves it so.
/// </summary>
public sealed class TwoHosts : IAsyncDisposable
{
    /// <summary>The container on host1, and what it pings.</summary>
    internal const string Wallabag = "wallabag";

    /// <summary>The container on host2.</summary>
    internal const string Mastodon = "mastodon";

    internal const string WallabagAddress = "10.8.2.2";
    internal const string MastodonAddress = "10.8.2.3";

    private OverlayLab? lab;

    /// <summary>The lab, made for the first test that asks.</summary>
    internal async Task<OverlayLab> LabAsync() =>
        lab ??= await KernelLab.UpAsync(KernelLab.TwoHosts);

    /// <summary>The container on host1 gives itself an address of the hosts' network, and reaches nobody there.</summary>
    internal static async Task NetworksAreApartAsync(OverlayLab lab)
    {
        const string Stray = "10.8.3.77/24";
        var link = (
            await lab.RunAsync(
                "host1",
                $"ip -n {Wallabag} -o route get {MastodonAddress} | sed 's/.* dev \\([^ ]*\\).*/\\1/'"
            )
        ).Trim();
        await lab.RunAsync("host1", $"ip -n {Wallabag} address add {Stray} dev {link}");
        try
        {
            foreach (var address in (string[])["10.8.3.1", "10.8.3.2"])
            {
                var across = await lab.PingAsync("host1", Wallabag, address, 100);
                Assert.True(across.ExitCode != 0, across.Output);
            }
        }
        finally
        {
            await lab.RunAsync("host1", $"ip -n {Wallabag} address delete {Stray} dev {link}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
            lab = null;
        }
    }
}

/// <summary>The tests that share the lab. One that fails takes it along, so that it spoils no other.</summary>
[Collection(Name)]
public abstract class TwoHostsTests(TwoHosts hosts) : IAsyncDisposable
{
    internal const string Name = "two hosts";

    /// <summary>The lab, with all ways open.</summary>
    internal Task<OverlayLab> LabAsync() => hosts.LabAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result is TestResult.Failed)
        {
            await hosts.DisposeAsync();
        }
        GC.SuppressFinalize(this);
    }
}

/// <summary>What they share.</summary>
[CollectionDefinition(TwoHostsTests.Name)]
public sealed class TwoHostsCollection : ICollectionFixture<TwoHosts>;
