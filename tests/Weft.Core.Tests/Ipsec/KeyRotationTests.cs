using Weft.Core.Ipsec;

namespace Weft.Core.Tests.Ipsec;

public sealed class KeyRotationTests
{
    private static readonly Secret Old = Secret.OfText("the key until now");
    private static readonly Secret New = Secret.OfText("the key from now on");

    [Fact]
    public void The_old_key_is_accepted_until_the_last_step_and_each_can_be_taken_again()
    {
        Assert.Equal([Old, New], Twice(RotationStep.Accept, Old));
        Assert.Equal([New, Old], Twice(RotationStep.Use, Old, New));
        Assert.Equal([New], Twice(RotationStep.Finish, New, Old));

        static Secret[] Twice(RotationStep step, params Secret[] keys)
        {
            var once = KeyRotation.After(step, [.. keys], New);
            Assert.Equal(once, KeyRotation.After(step, once, New));
            return [.. once];
        }
    }

    [Theory]
    [InlineData(RotationStep.Use, "`weft rotate accept`")]
    [InlineData(RotationStep.Finish, "`weft rotate use`")]
    public void A_step_before_its_time_is_refused_with_the_one_to_take(
        RotationStep step,
        string first
    )
    {
        var refused = Assert.Throws<HostException>(() => KeyRotation.After(step, [Old], New));
        Assert.Contains(first, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whoever_was_told_one_step_and_whoever_the_next_accept_each_other()
    {
        Secret[][] steps =
        [
            [Old],
            [Old, New],
            [New, Old],
            [New],
        ];
        foreach (var (earlier, later) in steps.Zip(steps[1..]))
        {
            Assert.Contains(earlier[0], later);
            Assert.Contains(later[0], earlier);
        }
    }
}
