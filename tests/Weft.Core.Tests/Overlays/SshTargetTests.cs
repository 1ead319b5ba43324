using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

/// <summary>What is refused, and how it is said, stands among the cases of Mistakes.txt.</summary>
public sealed class SshTargetTests
{
    [Theory]
    [InlineData("web1", null, "web1", null)]
    [InlineData("admin@web1.example:2222", "admin", "web1.example", 2222)]
    [InlineData("192.0.2.7:22", null, "192.0.2.7", 22)]
    [InlineData("admin@[2001:db8::1]:22", "admin", "2001:db8::1", 22)]
    [InlineData("[2001:db8::1]", null, "2001:db8::1", null)]
    public void It_is_read_and_written_as_it_stands(
        string text,
        string? user,
        string name,
        int? port
    )
    {
        Assert.True(SshTarget.TryParse(text, out var target, out _));
        Assert.Equal(new SshTarget(user, name, port), target);
        Assert.Equal(text, target.ToString());
    }
}
