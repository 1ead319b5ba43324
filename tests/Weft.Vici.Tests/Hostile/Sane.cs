using System.Buffers.Binary;
using System.Text;

namespace Weft.Vici.Tests.Hostile;

/// <summary>What a sane daemon sends, and a session of a client that uses all of it.</summary>
internal static class Sane
{
    public static readonly ViciMessage Association = new()
    {
        ["peer"] = new ViciMessage
        {
            ["uniqueid"] = 1,
            ["version"] = 2,
            ["state"] = "ESTABLISHED",
            ["local-host"] = "192.0.2.1",
            ["local-port"] = 4500,
            ["local-id"] = "a",
            ["remote-host"] = "192.0.2.2",
            ["remote-port"] = 4500,
            ["remote-id"] = "b",
            ["initiator"] = "yes",
            ["initiator-spi"] = "64bfed20cec7fdbc",
            ["responder-spi"] = "8bf5632fd1f6ff23",
            ["encr-alg"] = "AES_GCM_16",
            ["encr-keysize"] = 256,
            ["established"] = 1,
            ["rekey-time"] = 13000,
            ["tasks-active"] = ViciList.Of("CHILD_REKEY"),
            ["child-sas"] = new ViciMessage
            {
                ["net-1"] = new ViciMessage
                {
                    ["name"] = "net",
                    ["uniqueid"] = 1,
                    ["reqid"] = 1,
                    ["state"] = "INSTALLED",
                    ["mode"] = "TRANSPORT",
                    ["protocol"] = "ESP",
                    ["spi-in"] = "672c7ff7",
                    ["spi-out"] = "f7468f4e",
                    ["bytes-in"] = 252,
                    ["packets-in"] = 3,
                    ["install-time"] = 1,
                    ["local-ts"] = ViciList.Of("192.0.2.1/32[gre]"),
                    ["remote-ts"] = ViciList.Of("192.0.2.2/32[gre]"),
                },
            },
        },
    };

    private static readonly ViciMessage s_version = new()
    {
        ["daemon"] = "charon",
        ["version"] = "5.9.8",
        ["sysname"] = "Linux",
        ["release"] = "6.1",
        ["machine"] = "x86_64",
    };

    private static readonly ViciMessage s_up = new([
        KeyValuePair.Create("up", (ViciNode)new ViciValue("yes")),
        .. Association,
    ]);

    public static readonly byte[] Confirm = Packet(5);

    public static readonly byte[] UpEvent = Event(EventNames.ChildUpdown, s_up);

    public static byte[] Packet(byte type, byte[]? rest = null)
    {
        byte[] bytes = [0, 0, 0, 0, type, .. rest ?? []];
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - 4);
        return bytes;
    }

    public static byte[] Response(ViciMessage message) => Packet(1, message.Encode());

    public static byte[] Event(string name, ViciMessage message) =>
        Packet(7, [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. message.Encode()]);

    /// <summary>All that a sane daemon sends when it is asked this.</summary>
    public static byte[] Answer(Request request) =>
        (request.Type, request.Name) switch
        {
            (3 or 4, _) => Confirm,
            (0, "version") => Response(s_version),
            (0, "get-conns") => Response(new() { ["conns"] = ViciList.Of("peer", "other") }),
            (0, "list-sas") =>
            [
                .. Event("list-sa", Association),
                .. UpEvent,
                .. Event("list-sa", Association),
                .. Response(ViciMessage.Empty),
            ],
            (0, "initiate") =>
            [
                .. Event(
                    "control-log",
                    new()
                    {
                        ["group"] = "IKE",
                        ["level"] = 1,
                        ["msg"] = "established",
                    }
                ),
                .. UpEvent,
                .. Response(new() { ["success"] = true }),
            ],
            _ => Packet(2),
        };

    public static async Task ServeAsync(Session session)
    {
        while (await session.ReadAsync() is { } request)
        {
            await session.WriteAsync(Answer(request));
        }
    }

    /// <summary>
    /// Plays a session to its end, and says how it ended: <c>whole</c>, or the kind of error and where. Any error that is
    /// not documented there fails, and so does a call that hangs.
    /// </summary>
    public static async Task<string> PlayAsync(FakeDaemon daemon, string what)
    {
        var step = "connect";
        try
        {
            await using var client = await daemon.ConnectAsync();
            step = "subscribe";
            await using var events = await Soon(client.SubscribeAsync([EventNames.ChildUpdown]));
            step = "request";
            await Soon(client.VersionAsync());
            step = "list";
            await Soon(client.ConnectionNamesAsync());
            step = "stream";
            await Soon(client.SecurityAssociationsAsync());
            step = "control";
            await client.InitiateAsync("net").WaitAsync(FakeDaemon.Hang);
            step = "event";
            await using var reading = events.GetAsyncEnumerator();
            Assert.True(await Soon(reading.MoveNextAsync().AsTask()));
            Assert.NotEmpty($"{reading.Current.ToAssociationEvent()}");
            return "whole";
        }
        catch (Exception e)
            when (e
                    is ViciConnectionException
                        or ViciProtocolException
                        or ViciCommandException
                        or ViciOverflowException
            )
        {
            return $"{e.GetType().Name} in {step}";
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException($"{what}: {step} hangs", e);
        }

        static Task<T> Soon<T>(Task<T> task) => task.WaitAsync(FakeDaemon.Hang);
    }
}
