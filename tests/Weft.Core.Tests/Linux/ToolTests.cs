using System.ComponentModel;
using Weft.Core.Linux;

namespace Weft.Core.Tests.Linux;

/// <summary>Programs that do not start, by the kernel's own answers.</summary>
public sealed class ToolTests
{
    [Theory]
    [InlineData("weft-no-such-program", "is not there: install the Debian package weft-tools")]
    // What is there and may not be run; the kernel's words are the same for want of memory, processes or files.
    [InlineData("/etc/passwd", "cannot be started: Permission denied")]
    public void What_does_not_start_is_said_to_be_missing_only_where_it_is(
        string program,
        string why
    )
    {
        var failed = Assert.Throws<Win32Exception>(() => Tool.Start([program]));
        Assert.Equal($"{program} {why}", Tool.WhyNotStarted(program, "weft-tools", failed));
    }
}
