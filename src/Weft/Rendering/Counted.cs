namespace Weft.Rendering;

/// <summary>Numbers of things in words.</summary>
internal static class Counted
{
    /// <summary>How many there are: <c>1 host</c>, <c>2 hosts</c>.</summary>
    /// <param name="number">The number.</param>
    /// <param name="what">What one is called.</param>
    public static string Of(long number, string what) =>
        $"{number} {what}{(number == 1 ? "" : "s")}";
}
