using System.Buffers.Binary;

namespace Weft.Vici.Tests.Hostile;

/// <summary>Damage done to packets, made up from a seed: some of it leaves the frames whole, some does not.</summary>
internal static class Mutilation
{
    public static byte[] Of(byte[] packets, Random random)
    {
        var damaged = new List<byte>(packets);
        for (var n = random.Next(1, 4); n > 0 && damaged.Count > 0; n--)
        {
            var at = random.Next(damaged.Count);
            switch (random.Next(8))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    // Where most bytes are types and lengths.
                    damaged[at] = (byte)random.Next(8);
                    break;
                case 2:
                    damaged.RemoveAt(at);
                    break;
                case 3:
                    damaged.Insert(at, (byte)random.Next(256));
                    break;
                case 4:
                    damaged.RemoveRange(at, random.Next(Math.Min(40, damaged.Count - at)));
                    break;
                case 5:
                    damaged.InsertRange(
                        at,
                        damaged.GetRange(at, random.Next(Math.Min(60, damaged.Count - at)))
                    );
                    break;
                case 6:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
                default:
                    damaged.AddRange(damaged.GetRange(0, at));
                    break;
            }
        }

        // Half of them get lengths that are right again, so that the damage is inside the packets.
        return random.Next(2) == 0 ? [.. damaged] : Framed(damaged);
    }

    private static byte[] Framed(List<byte> damaged)
    {
        byte[] bytes = [.. damaged];
        if (bytes.Length >= 4)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - 4);
        }

        return bytes;
    }
}
