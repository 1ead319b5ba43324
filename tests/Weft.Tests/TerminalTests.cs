using Weft.Core.Linux;

namespace Weft.Tests;

/// <summary>What a terminal gets, and what its environment changes.</summary>
public sealed class TerminalTests : IDisposable
{
    private const string Yaml = """
        name: homelab
        hosts: { north: 192.0.2.1, south: 192.0.2.2 }
        networks:
          cont: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true, hosts: { north: 10.8.2.77, south: 10.8.2.200 } }
        """;

    private readonly string file = Path.GetTempFileName();

    public TerminalTests() => File.WriteAllText(file, Yaml);

    public void Dispose() => File.Delete(file);

    /// <summary>A locale of another time, and one that this machine need not have.</summary>
    [Theory]
    [InlineData("en_US.ISO-8859-1")]
    [InlineData("en_US.US-ASCII")]
    [InlineData("C")]
    [InlineData("en_US.UTF-8")]
    public async Task Signs_are_UTF_8_in_every_locale(string locale)
    {
        foreach (var isTerminal in (bool[])[false, true])
        {
            var said = await RunAsync($"check {file}", isTerminal, ("LC_ALL", locale));
            Assert.Contains("✓", said.Output, StringComparison.Ordinal);
            Assert.DoesNotContain('\uFEFF', said.Output);
            // Only a terminal has colours.
            Assert.Equal(isTerminal, said.Output.Contains("\x1b[", StringComparison.Ordinal));
        }
        File.WriteAllText(file, Yaml.Replace("homelab", "café", StringComparison.Ordinal));
        var mistaken = await RunAsync($"check {file}", isTerminal: false, ("LC_ALL", locale));
        Assert.Contains("'café'", mistaken.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\uFEFF', mistaken.Errors);
    }

    [Fact]
    public async Task What_is_to_be_copied_is_not_broken_into_lines()
    {
        var command = $"addresses slices {file}";
        var piped = await RunAsync(command, isTerminal: false);
        var yaml = piped.Output[piped.Output.IndexOf("networks:", StringComparison.Ordinal)..];
        Assert.Contains(yaml.Split('\n'), line => line.Length > 40);
        var shown = await RunAsync(command, isTerminal: true, ("TERM", "dumb"));
        Assert.EndsWith(yaml, shown.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    private static Task<ToolResult> RunAsync(
        string command,
        bool isTerminal,
        params (string Name, string Value)[] environment
    )
    {
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var line = $"{WeftProgram.Path} {command}";
        return Tool.RunAsync(
            isTerminal
                ?
                [
                    "script",
                    "--quiet",
                    "--return",
                    "--command",
                    $"stty cols 40; {line}",
                    "/dev/null",
                ]
                : ["sh", "-c", line],
            environment: environment
                .Prepend(("TERM", "xterm"))
                .GroupBy(one => one.Item1)
                .ToDictionary(one => one.Key, one => one.Last().Item2),
            cancellationToken: TestContext.Current.CancellationToken
        );
    }
}
