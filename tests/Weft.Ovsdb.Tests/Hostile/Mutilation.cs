using System.Text;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>Damage done to bytes, made up from a seed: some of it keeps the JSON whole, some does not.</summary>
internal static class Mutilation
{
    private static readonly string[] s_values =
    [
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "-9223372036854775809",
        "0.5",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[[]]",
        "[\"set\",[]]",
        "[\"set\",[1,1]]",
        "[\"map\",[[\"a\",1]]]",
        "[\"map\",[]]",
        "[\"uuid\",\"x\"]",
        "[\"named-uuid\",\"x\"]",
        "[\"uuid\",\"00000000-0000-0000-0000-000000000000\"]",
        "\"\\ud800\"",
        "{\"error\":null}",
        "{\"error\":{}}",
    ];

    public static byte[] Of(byte[] bytes, Random random)
    {
        var damaged = new List<byte>(bytes);
        for (var n = random.Next(1, 4); n > 0 && damaged.Count > 0; n--)
        {
            var at = random.Next(damaged.Count);
            switch (random.Next(9))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged.RemoveAt(at);
                    break;
                case 2:
                    damaged.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    damaged.RemoveRange(at, random.Next(Math.Min(40, damaged.Count - at)));
                    break;
                case 4:
                    damaged.InsertRange(
                        at,
                        damaged.GetRange(at, random.Next(Math.Min(60, damaged.Count - at)))
                    );
                    break;
                case 5:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
                default:
                    // Any whole value gives place to another: the JSON stays JSON, and says something else.
                    ReplaceValue(damaged, at, random);
                    break;
            }
        }
        return [.. damaged];
    }

    private static void ReplaceValue(List<byte> bytes, int near, Random random)
    {
        var start = bytes.FindIndex(near, b => b is (byte)':' or (byte)',' or (byte)'[') + 1;
        if (start == 0 || start == bytes.Count)
        {
            return;
        }
        var end = start;
        for (var depth = 0; end < bytes.Count; end++)
        {
            var b = bytes[end];
            if (depth == 0 && b is (byte)',' or (byte)']' or (byte)'}' && depth-- == 0)
            {
                break;
            }
            depth += b is (byte)'[' or (byte)'{' ? 1 : 0;
        }
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Encoding.UTF8.GetBytes(s_values[random.Next(s_values.Length)]));
    }
}
