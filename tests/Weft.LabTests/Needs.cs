using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Skips a test, with the reason, on a machine that cannot run it.</summary>
internal static class Needs
{
    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Skips where no lab can be made of hosts of this kind.</summary>
    public static void ALab(Isolation isolation = Isolation.Netns)
    {
        try
        {
            Machine.Check(
                isolation is Isolation.Uml ? new UmlIsolation() : new NamespaceIsolation()
            );
        }
        catch (LabException exception)
        {
            Assert.Skip(exception.Message);
        }
    }

    /// <summary>The Debian package; skips where none was made.</summary>
    public static string APackage()
    {
        var package = Environment.GetEnvironmentVariable("WEFT_PACKAGE");
        Assert.SkipWhen(package is null, "WEFT_PACKAGE names no package: ./build.sh test makes it");
        return package;
    }

    /// <summary>Skips where an engine of one of the overlay's containers is not installed.</summary>
    public static void Engines(Overlay overlay)
    {
        ALab();
        try
        {
            Machine.Check(new NamespaceIsolation(), overlay, engines: true);
        }
        catch (LabException exception)
        {
            Assert.Skip(exception.Message);
        }
    }
}
