using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Skips a test, with the reason, on a machine that cannot run it.</summary>
internal static class Needs
{
    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static void ALab()
    {
        try
        {
            Machine.Check(new NamespaceIsolation());
        }
        catch (LabException exception)
        {
            Assert.Skip(exception.Message);
        }
    }
}
