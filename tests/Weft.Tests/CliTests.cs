using Weft.Commands;

namespace Weft.Tests;

/// <summary>How a command line is taken apart.</summary>
public sealed class CliTests
{
    [Fact]
    public void Each_command_is_found_by_the_name_that_it_has() =>
        Assert.All(Cli.Commands, command => Assert.Equal(command.Name, command.Create().Name));

    [Theory]
    [InlineData("plan")]
    [InlineData("plan overlay.yaml --as north --no-color")]
    [InlineData("apply -y")]
    [InlineData("status --host=north,south")]
    // The value of an option, whatever it looks like.
    [InlineData("plan --as --help")]
    [InlineData("lab exec north -- ls --help")]
    public void A_command_is_parsed_without_the_others_as_with_them(string typed)
    {
        string[] args = [.. typed.Split(' ')];
        var alone = Cli.ParseAlone(args);
        Assert.NotNull(alone);
        var among = Cli.Create().Parse(args);
        Assert.Empty(among.Errors);
        Assert.Equal(
            among.CommandResult.Tokens.Select(token => token.Value),
            alone.CommandResult.Tokens.Select(token => token.Value)
        );
        Assert.Equal(
            among.CommandResult.Children.Select(child => $"{child}"),
            alone.CommandResult.Children.Select(child => $"{child}")
        );
        Assert.Equal(among.GetValue(CommonOptions.NoColor), alone.GetValue(CommonOptions.NoColor));
    }

    [Theory]
    [InlineData("")]
    [InlineData("plna")]
    [InlineData("lab")]
    [InlineData("--version")]
    [InlineData("--no-color plan")]
    [InlineData("[suggest:4] weft")]
    [InlineData("plan --help")]
    [InlineData("ping -h")]
    [InlineData("lab up -?")]
    [InlineData("apply -yh")]
    [InlineData("plan --nothing")]
    public void What_takes_all_commands_to_answer_is_left_to_them(string typed) =>
        Assert.Null(Cli.ParseAlone([.. typed.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
}
