namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>The cases of a file as rows of a theory.</summary>
internal static class SuiteCases
{
    /// <summary>Every title; one row that says so where the suite is not installed.</summary>
    public static TheoryData<string> Titles(string file) =>
        OvsSuite.Here is null
            ? [OvsSuite.MissingReason]
            : [.. OvsSuite.Here.Cases(file).Select(one => one.Title)];

    public static SuiteCase Find(string file, string title)
    {
        Assert.SkipWhen(OvsSuite.Here is null, OvsSuite.MissingReason);
        return OvsSuite.Here!.Cases(file).Single(one => one.Title == title);
    }
}
