using CsCheck;

namespace Weft.Vici.Tests;

/// <summary>Messages of any shape that is allowed.</summary>
internal static class MessageGen
{
    private static readonly Gen<string> s_name = Gen.String[Gen.Char[' ', '~'], 0, 12];

    public static readonly Gen<ViciValue> Value = Gen.OneOf(
        Gen.Byte.Array[0, 40].Select(bytes => new ViciValue(bytes)),
        Gen.Long.Select(number => new ViciValue(number)),
        Gen.Bool.Select(flag => new ViciValue(flag)),
        Gen.Int[0, ViciValue.MaxLength].Select(length => new ViciValue(new byte[length])),
        Gen.String.Select(text => ViciValue.Secret(text))
    );

    public static readonly Gen<ViciMessage> Message = AtDepth(5);

    private static Gen<ViciMessage> AtDepth(int depth)
    {
        var list = Value.Array[0, 5].Select(items => (ViciNode)ViciList.Of(items));
        var value = Value.Select(item => (ViciNode)item);
        var node =
            depth == 0
                ? Gen.OneOf(list, value)
                : Gen.OneOf(list, value, AtDepth(depth - 1).Select(section => (ViciNode)section));
        return Gen.Select(s_name, node)
            .Array[0, 6]
            .Select(elements => new ViciMessage(
                elements
                    .DistinctBy(element => (element.Item1, element.Item2.GetType()))
                    .Select(element => KeyValuePair.Create(element.Item1, element.Item2))
            ));
    }
}
