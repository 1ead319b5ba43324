using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Weft.LabTests;

/// <summary>A real browser in the network of a lab's host, as somebody sits there who looks at the agent's page.</summary>
internal sealed class Browser : IAsyncDisposable
{
    public const string Program = "/usr/bin/chromium";

    // A browser on a machine that is busy.
    private const float Patience = 60_000;

    private readonly ConcurrentQueue<string> complaints = new();
    private readonly string directory;
    private readonly IPlaywright driver;
    private readonly IBrowser browser;

    private Browser(string directory, IPlaywright driver, IBrowser browser)
    {
        this.directory = directory;
        this.driver = driver;
        this.browser = browser;
    }

    /// <summary>The page.</summary>
    public IPage Page { get; private set; } = null!;

    /// <summary>What the browser has complained of: errors of scripts, refused contents, what could not be loaded.</summary>
    public IReadOnlyCollection<string> Complaints => complaints;

    /// <summary>Skips where none is installed.</summary>
    public static void Needed() =>
        Assert.SkipUnless(
            File.Exists(Program),
            $"{Program} is missing: install the Debian package chromium"
        );

    /// <summary>Starts it in a host, and opens an address.</summary>
    public static async Task<Browser> OpenAsync(
        OverlayLab lab,
        string host,
        string address,
        BrowserNewPageOptions? options = null
    )
    {
        var place = Directory.CreateTempSubdirectory("weft-browser-").FullName;
        var program = Path.Combine(place, "chromium");
        var pid = lab.Hosts.First(one => one.Name == host).Pid;
        await File.WriteAllTextAsync(
            program,
            $"#!/bin/sh\nexec nsenter --net=/proc/{pid}/ns/net {Program} \"$@\"\n"
        );
        File.SetUnixFileMode(
            program,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        var playwright = await Playwright.CreateAsync();
        var chromium = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions
            {
                ExecutablePath = program,
                Timeout = Patience,
                // It runs as root, and talks to nobody but the page.
                Args =
                [
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ],
            }
        );
        var opened = new Browser(place, playwright, chromium);
        var page = await chromium.NewPageAsync(options);
        page.SetDefaultTimeout(Patience);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                opened.complaints.Enqueue(message.Text);
            }
        };
        page.PageError += (_, error) => opened.complaints.Enqueue(error);
        await page.GotoAsync(address);
        opened.Page = page;
        return opened;
    }

    /// <summary>Waits until a part of the page says something.</summary>
    public static Task SaysAsync(ILocator part, string text) =>
        Assertions
            .Expect(part)
            .ToContainTextAsync(
                text,
                new LocatorAssertionsToContainTextOptions { Timeout = Patience }
            );

    /// <summary>Waits until a part of the page no longer says something.</summary>
    public static Task NoLongerSaysAsync(ILocator part, string text) =>
        Assertions
            .Expect(part)
            .Not.ToContainTextAsync(
                text,
                new LocatorAssertionsToContainTextOptions { Timeout = Patience }
            );

    /// <summary>The texts whose contrast with what is behind them is less than WCAG 2.2 asks for at level AA (1.4.3).</summary>
    public Task<string[]> FaintTextsAsync() => Page.EvaluateAsync<string[]>(FaintTexts);

    public async ValueTask DisposeAsync()
    {
        await browser.DisposeAsync();
        driver.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    private const string FaintTexts = """
        () => {
          const numbers = (color) => color.match(/[\d.]+/g).map(Number);
          const luminance = ([r, g, b]) => [r, g, b]
            .map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
            .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
          const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
              const color = numbers(getComputedStyle(at).backgroundColor);
              if (color.length === 3 || color[3] === 1) return color;
              if (color[3] !== 0) throw new Error(`translucent: ${at.outerHTML}`);
            }
            throw new Error('nothing is behind the text');
          };
          const faint = [];
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const text = texts.currentNode.data.trim();
            const element = texts.currentNode.parentElement;
            if (!text || !element.checkVisibility() || element.closest('.unseen, noscript, script')) continue;
            const [one, other] = [numbers(getComputedStyle(element).color), behind(element)].map(luminance);
            const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            if (contrast < 4.5) faint.push(`${text}: ${contrast.toFixed(2)}`);
          }
          return faint;
        }
        """;
}
