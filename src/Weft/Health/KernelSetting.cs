namespace Weft.Health;

/// <summary>Settings of the kernel's that are on or off, as sysctl(8) names them.</summary>
internal static class KernelSetting
{
    /// <summary>
    /// Whether one is on; false for a setting that this kernel does not have, since what it switches is not there either.
    /// </summary>
    /// <param name="name">Its name with dots.</param>
    public static bool IsOn(string name)
    {
        try
        {
            return File.ReadAllText($"/proc/sys/{name.Replace('.', '/')}").Trim() is not "0";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
