using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Weft.LabTests;

/// <summary>The agent's page, looked at with a real browser in a host of a real lab.</summary>
public sealed partial class PageTests
{
    private const string Address = "http://127.0.0.1:8080/";
    private const string Options = "--page 127.0.0.1:8080";

    [Fact]
    public async Task It_shows_the_overlay_as_it_is_and_as_it_changes()
    {
        Browser.Needed();
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1", Options);
        await using var browser = await Browser.OpenAsync(lab, "host1", Address);
        var page = browser.Page;
        var verdict = page.GetByRole(AriaRole.Status);
        await Browser.SaysAsync(verdict, "host1 is as intended");
        await Browser.SaysAsync(Host(page, "host1"), "wallabag");
        await Browser.SaysAsync(Host(page, "host2"), "mastodon");
        await Browser.SaysAsync(Tunnel(page), "gre ✓up");
        await Browser.SaysAsync(page.Locator("#troubles"), "Nothing has drifted");

        // Who is reached, and what crosses.
        await page.Locator("#reach").ScrollIntoViewIfNeededAsync();
        await Browser.SaysAsync(page.Locator("#matrix"), "ways from here are open");
        await Assertions
            .Expect(
                page.GetByRole(AriaRole.Row, new() { Name = "mastodon on host2, 10.8.2.3" })
                    .GetByRole(AriaRole.Cell)
            )
            .ToHaveTextAsync(RoundTrip(), new() { Timeout = 60_000 });
        await Browser.SaysAsync(Tunnel(page), "answers in");
        await using (ContinuousPing.Start(lab, "host1", "wallabag", "10.8.2.3"))
        {
            await Assertions
                .Expect(Tunnel(page))
                .ToHaveTextAsync(Crosses(), new() { Timeout = 60_000 });
            Assert.True(await AnimationsAsync(page) > 0);
            await page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.Reduce });
            Assert.Equal(0, await AnimationsAsync(page));
        }

        // A drift that the agent mends is an event.
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
        var events = page.GetByRole(AriaRole.Log);
        await Browser.SaysAsync(events, "set port cont-mgmnt0-sw");

        // One that it cannot mend is there until it is mended by hand.
        await agent.SignalAsync("STOP");
        await lab.RunAsync(
            "host1",
            "ip link del wallabag-eth1; ip link add wallabag-eth1 type veth peer name by-hand"
        );
        await agent.SignalAsync("CONT");
        await Browser.SaysAsync(verdict, "not as intended");
        await Browser.SaysAsync(page.Locator("#troubles"), "'wallabag-eth1'");
        await Browser.SaysAsync(Host(page, "host1"), "wallabag-eth1");
        Assert.Empty(await browser.FaintTextsAsync());
        await lab.RunAsync("host1", "ip link del wallabag-eth1");
        await Browser.SaysAsync(verdict, "host1 is as intended");
        await Browser.SaysAsync(page.Locator("#troubles"), "Nothing has drifted");

        // Containers go and come.
        await lab.RunAsync("host1", "ip netns del wallabag");
        await Browser.SaysAsync(Host(page, "host1"), "awaited");
        await lab.RunAsync("host1", "ip netns add wallabag");
        await Browser.NoLongerSaysAsync(Host(page, "host1"), "awaited");
        await Browser.SaysAsync(events, "add interface eth1 in wallabag");

        // Files too: one with mistakes, and one with a network and a container more.
        await lab.RunAsync(
            "host1",
            "cp /etc/weft/overlay.yaml /run/before.yaml; sed -i 's/vlan: 200/vlan: 9999/' /etc/weft/overlay.yaml"
        );
        await Browser.SaysAsync(verdict, "the new one has mistakes");
        await Browser.SaysAsync(page.Locator("#troubles"), "9999");
        await lab.RunAsync(
            "host1",
            "sed 's/^  wallabag:/  latecomer: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.9 } }\\n  wallabag:/' /run/before.yaml >/etc/weft/overlay.yaml"
        );
        await Browser.SaysAsync(Host(page, "host1"), "latecomer");
        Assert.Empty(browser.Complaints);

        // What happened on another day has its date, and no reader is told of all that happened before.
        await page.AddInitScriptAsync(
            """
            window.told = [];
            new MutationObserver((changes) => changes.filter((change) => change.target.id === "log" && change.addedNodes.length > 0)
              .forEach((change) => told.push(change.target.ariaLive))).observe(document, { subtree: true, childList: true });
            """
        );
        await page.Clock.InstallAsync(new() { TimeDate = DateTime.UtcNow.AddDays(2) });
        await page.ReloadAsync();
        await Browser.SaysAsync(verdict, "host1 is as intended");
        await Browser.SaysAsync(events, DateTime.UtcNow.Year.ToString());
        await Assertions.Expect(events).ToHaveAttributeAsync("aria-live", "polite");
        var told = await page.EvaluateAsync<string[]>("() => told");
        Assert.NotEmpty(told);
        Assert.All(told, live => Assert.Equal("off", live));
        await Browser.SaysAsync(page.Locator("#events"), "time zone, ");

        // A link that is dead without a word is told from one on which nothing happens, and is heard again once it lives.
        await agent.SignalAsync("STOP");
        await page.Clock.FastForwardAsync(100_000);
        await Browser.SaysAsync(verdict, "The agent does not answer since");
        await agent.SignalAsync("CONT");
        await Browser.SaysAsync(verdict, "host1 is as intended");
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=9");
        await Assertions
            .Expect(events.GetByText("set port cont-mgmnt0-sw"))
            .ToHaveCountAsync(2, new() { Timeout = 60_000 });

        // Of a host that cannot be read nothing is said to be as intended.
        await lab.RunAsync(
            "host1",
            "pid=$(cat /run/openvswitch/ovsdb-server.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.05; done"
        );
        await Assertions.Expect(verdict).ToHaveClassAsync("error", new() { Timeout = 60_000 });
        await Browser.NoLongerSaysAsync(page.Locator("#items"), "as intended");
        await Browser.SaysAsync(Tunnel(page), "not known");
        await Assertions
            .Expect(page.Locator(".threads path:not(.off)"))
            .ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await lab.RunAsync(
            "host1",
            "ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off"
        );
        await Browser.SaysAsync(verdict, "host1 is as intended");

        // Without its agent it says so, and comes back with the next one.
        await agent.SignalAsync("KILL");
        await agent.HasEndedAsync();
        await Browser.SaysAsync(verdict, "The agent does not answer since");
        await agent.BeginAsync();
        await Browser.SaysAsync(verdict, "host1 is as intended");
    }

    [Fact]
    public async Task It_works_without_sight_without_a_mouse_on_a_phone_and_in_the_dark()
    {
        Browser.Needed();
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1", Options);
        await using var browser = await Browser.OpenAsync(lab, "host1", Address);
        var page = browser.Page;
        await page.Locator("#reach").ScrollIntoViewIfNeededAsync();
        await Browser.SaysAsync(page.Locator("#matrix"), "ways from here are open");

        await Assertions
            .Expect(page.Locator("body"))
            .ToMatchAriaSnapshotAsync(
                """
                - link "Skip to the map"
                - banner:
                  - heading "homelab" [level=1]
                  - status: host1 is as intended
                  - navigation "On this page":
                    - link "Map"
                    - link "Drift"
                    - link "Reachability"
                    - link "This host"
                    - link "Events"
                - main:
                  - region "Map":
                    - heading "Map" [level=2]
                    - list "Networks":
                      - listitem: /cont-mgmnt0 VLAN 200/
                      - listitem: /host-mgmnt0 VLAN 100/
                    - article "host1":
                      - heading "host1 this host" [level=3]
                      - list "Containers on host1":
                        - listitem:
                          - paragraph: /wallabag/
                    - list "Other hosts":
                      - listitem:
                        - paragraph: /Tunnel to host2. gre up/
                        - article "host2":
                          - heading "host2" [level=3]
                          - list "Containers on host2"
                  - region "Drift and problems":
                    - heading "Drift and problems" [level=2]
                  - region "Reachability":
                    - heading "Reachability" [level=2]
                    - region "Reachability in cont-mgmnt0":
                      - table:
                        - caption: /cont-mgmnt0 round trip in ms/
                        - rowgroup:
                          - row:
                            - columnheader "to"
                            - columnheader "from wallabag"
                        - rowgroup:
                          - row:
                            - rowheader /mastodon on host2/
                            - cell /\d/
                  - region "This host":
                    - heading "This host" [level=2]
                    - table:
                      - caption: /What the overlay has on host1/
                      - rowgroup:
                        - row:
                          - columnheader "State"
                          - columnheader "What"
                          - columnheader "How it is to be"
                      - rowgroup:
                        - row:
                          - cell "as intended"
                          - rowheader "ovsbr0 switch"
                          - cell /datapath/
                  - region "Events":
                    - heading "Events" [level=2]
                    - log "Events"
                - contentinfo:
                  - paragraph:
                    - link "The API behind it"
                """,
                new() { Timeout = 60_000 }
            );

        // By keyboard: first past what is on every page, then each part that scrolls, in the order of the page.
        var stops = new List<string>();
        await page.EvaluateAsync("() => scrollTo(0, 0)");
        while (stops.Count == 0 || stops[^1] != "The API behind it")
        {
            await page.Keyboard.PressAsync("Tab");
            stops.Add(
                await page.EvaluateAsync<string>(
                    "() => document.activeElement.ariaLabel ?? document.activeElement.textContent"
                )
            );
            Assert.True(stops.Count < 20, string.Join(", ", stops));
        }
        Assert.Equal(
            [
                "Skip to the map",
                "Map",
                "Drift",
                "Reachability",
                "This host",
                "Events",
                "Reachability in cont-mgmnt0",
                "Reachability in host-mgmnt0",
                "The API behind it",
            ],
            stops
        );
        await page.GetByRole(AriaRole.Link, new() { Name = "Skip to the map" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        Assert.Equal("main", await page.EvaluateAsync<string>("() => document.activeElement.id"));

        foreach (var scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            var paper = await page.EvaluateAsync<string>(
                "() => getComputedStyle(document.documentElement).backgroundColor"
            );
            Assert.Equal(scheme is ColorScheme.Dark, Brightness(paper) < 128);
            foreach (var width in (int[])[1280, 768, 360])
            {
                await page.SetViewportSizeAsync(width, 740);
                Assert.Empty(await browser.FaintTextsAsync());
                var widest = await page.EvaluateAsync<int>(
                    "() => document.documentElement.scrollWidth"
                );
                Assert.True(widest <= width, $"{widest} pixels wide where {width} are");
            }
        }
        Assert.Empty(browser.Complaints);
    }

    private static ILocator Host(IPage page, string name) =>
        page.GetByRole(AriaRole.Article, new() { Name = name });

    private static ILocator Tunnel(IPage page) =>
        page.GetByText("Tunnel to host2:").Locator("../..");

    private static Task<int> AnimationsAsync(IPage page) =>
        page.EvaluateAsync<int>("() => document.getAnimations().length");

    private static int Brightness(string color) =>
        Numbers().Matches(color).Take(3).Sum(part => int.Parse(part.Value)) / 3;

    [GeneratedRegex(@"^✓\d+\.\d\d$", RegexOptions.None, 1000)]
    private static partial Regex RoundTrip();

    [GeneratedRegex(@"in ↓ [1-9][0-9.]* k?B/s, out ↑ [1-9]", RegexOptions.None, 1000)]
    private static partial Regex Crosses();

    [GeneratedRegex("[0-9]+", RegexOptions.None, 1000)]
    private static partial Regex Numbers();
}
