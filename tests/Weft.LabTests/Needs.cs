using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Skips a test, with the reason, on a machine that cannot run it.</summary>
internal static class Needs
{
    public const string BrowserProgram = "/usr/bin/chromium";

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

    /// <summary>Skips where no browser is installed.</summary>
    public static void ABrowser() =>
        Assert.SkipUnless(
            File.Exists(BrowserProgram),
            $"{BrowserProgram} is missing: install the Debian package chromium"
        );

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
