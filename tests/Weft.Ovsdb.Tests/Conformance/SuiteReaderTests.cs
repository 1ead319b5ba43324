namespace Weft.Ovsdb.Tests.Conformance;

public sealed class SuiteReaderTests
{
    [Theory]
    [InlineData("ovsdb-execution.at")]
    [InlineData("ovsdb-data.at")]
    [InlineData("ovsdb-condition.at")]
    [InlineData("ovsdb-mutation.at")]
    [InlineData("ovsdb-types.at")]
    [InlineData("ovsdb-monitor.at")]
    public void Reads_the_same_cases_as_autotest_generated_from_the_file(string file)
    {
        Assert.SkipWhen(OvsSuite.Here is null, OvsSuite.MissingReason);
        var read = OvsSuite
            .Here!.Cases(file)
            .SelectMany(one =>
                one.Macro.EndsWith("_CPY", StringComparison.Ordinal)
                    ? [$"{one.Arguments[0]} - C", $"{one.Arguments[0]} - Python3"]
                    : new[] { one.Macro == "AT_SETUP" ? one.Title : one.Arguments[0] }
            );
        Assert.Equal(OvsSuite.Here.GeneratedTitles(file).Select(Plain), read.Select(Plain));

        // Macros of later versions put this in front.
        static string Plain(string title) =>
            title.StartsWith("ovsdb - ", StringComparison.Ordinal)
                ? title["ovsdb - ".Length..]
                : title;
    }
}
