using Weft.Core.Execution;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Execution;

public sealed class ApplierTests
{
    [Fact]
    public void Of_a_plan_that_was_left_is_told_what_was_done_of_it()
    {
        var left = Planner.Plan(
            TwoHosts.Intent(TwoHosts.Read(TwoHosts.File)),
            TwoHosts.Bare().Observe()
        );
        var inside = left
            .Changes.Where(change => change.Name.StartsWith("eth1 in ", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(inside);
        var next = left with { Changes = [left.Changes[0]] };
        // All that was to be made in it went along with it, or never was.
        Assert.Equal(left.Changes.Skip(1).Except(inside), Applier.Finished(left, next, _ => false));
        Assert.Equal(left.Changes.Skip(1), Applier.Finished(left, next, _ => true));
    }
}
