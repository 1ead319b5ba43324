namespace Weft.LabTests;

/// <summary>Types what the documentation says, in the order in which it says it.</summary>
public sealed class DocumentationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task The_commands_of_the_page_on_labs_all_do_what_they_say(int block)
    {
        Needs.ALab();
        if (block == 3)
        {
            Needs.Engines(OverlayLab.Parse(OverlayLab.TwoHosts));
        }
        var page = await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "docs/labs.md"),
            Needs.Cancellation
        );
        var commands = page.Split("```sh\n")[block].Split("```")[0].Trim();
        Assert.Contains("weft lab up", commands, StringComparison.Ordinal);
        await QuietMachine.LeftAsItWasByAsync(
            $"""
            cd {Repository.Root}
            # The name that people type, in a directory that lab hosts see too.
            names=$(mktemp -d)
            ln -s "$weft" $names/weft
            PATH=$names:$PATH
            set -e
            exec </dev/null
            {commands}
            set +e
            rm -r $names
            """
        );
    }
}
