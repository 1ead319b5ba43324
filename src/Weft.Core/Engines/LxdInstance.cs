using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Addressing;

namespace Weft.Core.Engines;

/// <summary>What every answer of LXD and Incus has around it.</summary>
internal sealed record LxdAnswer<T>([property: JsonPropertyName("metadata")] T? Metadata)
    where T : class;

/// <summary>Why something was refused.</summary>
internal sealed record LxdError([property: JsonPropertyName("error")] string? Error);

/// <summary>An instance, as <c>GET /1.0/instances/NAME</c> answers.</summary>
internal sealed record LxdInstance : LxdChange
{
    private const string UserPrefix = "user.";

    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("type")]
    public string? Type { get; init; }

    [JsonPropertyName("status_code")]
    public int StatusCode { get; init; }

    [JsonPropertyName("location")]
    public string? Location { get; init; }

    [JsonPropertyName("expanded_config")]
    public Dictionary<string, string?>? ExpandedConfig { get; init; }

    [JsonPropertyName("expanded_devices")]
    public Dictionary<string, Dictionary<string, string?>?>? ExpandedDevices { get; init; }

    /// <summary>Whether it is a container, and no virtual machine.</summary>
    [JsonIgnore]
    public bool IsContainer => Type is "container";

    /// <summary>The member of a cluster that it is on; null where the engine is in none.</summary>
    [JsonIgnore]
    public string? Member => Location is null or "" or "none" ? null : Location;

    /// <summary>Whether it may have a process.</summary>
    [JsonIgnore]
    public bool MayRun => StatusCode != LxdOperation.Stopped;

    /// <summary>What tells it from all others, whatever it is called.</summary>
    [JsonIgnore]
    public string Uuid => Config?.GetValueOrDefault("volatile.uuid") ?? Name;

    /// <summary>The configuration's keys below <c>user.</c>, those of profiles too.</summary>
    [JsonIgnore]
    public ImmutableSortedDictionary<string, string> Labels =>
        ExpandedConfig
            ?.Where(one => one.Key.StartsWith(UserPrefix, StringComparison.Ordinal))
            .ToDictionary(one => one.Key[UserPrefix.Length..], one => one.Value)
            .Sorted()
        ?? Core.Engines.Labels.None;

    /// <summary>The instance's own devices of type <c>nic</c>.</summary>
    [JsonIgnore]
    public ImmutableSortedDictionary<string, NicDevice> Nics =>
        (Devices ?? [])
            .Where(device => device.Value?.GetValueOrDefault("type") == "nic")
            .ToImmutableSortedDictionary(
                device => device.Key,
                device => LxdDevice.Read(device.Key, device.Value!, Config ?? []),
                StringComparer.Ordinal
            );

    /// <summary>The names of the interfaces that its profiles give it.</summary>
    [JsonIgnore]
    public ImmutableSortedSet<string> ProfileInterfaces =>
        (ExpandedDevices ?? [])
            .Where(device =>
                device.Value?.GetValueOrDefault("type") == "nic"
                && Devices?.ContainsKey(device.Key) != true
            )
            .Select(device => LxdDevice.Read(device.Key, device.Value!, Config ?? []).Interface)
            .ToImmutableSortedSet(StringComparer.Ordinal);

    /// <summary>The names of all devices but its own of type <c>nic</c>.</summary>
    [JsonIgnore]
    public ImmutableSortedSet<string> OtherDevices =>
        (ExpandedDevices ?? []).Keys.Except(Nics.Keys).ToImmutableSortedSet(StringComparer.Ordinal);

    /// <summary>Whether a device already is, word for word, what would be written: the engine would do nothing then.</summary>
    public bool Has(string device, NicDevice nic)
    {
        var there = Devices?.GetValueOrDefault(device);
        var written = LxdDevice.Write(nic, there);
        return there is not null
            && there.Count == written.Count
            && there.All(one => written.GetValueOrDefault(one.Key) == one.Value);
    }

    // A patch without a description takes away the one that is there: LXD, and Incus before 6.17.
    /// <summary>A patch that sets one device.</summary>
    /// <param name="device">Its name.</param>
    /// <param name="nic">What it is to be.</param>
    /// <param name="former">The device as it was just before it was removed; null if none was.</param>
    public LxdChange With(string device, NicDevice nic, Dictionary<string, string?>? former) =>
        new()
        {
            Config = new() { [LxdDevice.MacKey(device)] = nic.Mac.ToString() },
            Description = Description,
            Devices = new()
            {
                [device] = LxdDevice.Write(nic, Devices?.GetValueOrDefault(device) ?? former),
            },
        };

    /// <summary>A patch that takes a device over as it is.</summary>
    public LxdChange Adopting(string device, string overlay) =>
        new()
        {
            Config = new() { [LxdDevice.AdoptedKey(device)] = overlay },
            Description = Description,
        };

    /// <summary>The whole instance to be written back, without one device.</summary>
    public LxdChange Without(string device) =>
        new()
        {
            Devices = (Devices ?? [])
                .Where(one => one.Key != device)
                .ToDictionary(one => one.Key, one => one.Value),
            Architecture = Architecture,
            Config = (Config ?? [])
                .Where(one => one.Key != LxdDevice.AdoptedKey(device))
                .ToDictionary(one => one.Key, one => one.Value),
            Description = Description,
            Ephemeral = Ephemeral,
            Profiles = Profiles,
            Stateful = Stateful,
        };
}

/// <summary>The engine itself, as <c>GET /1.0</c> answers.</summary>
internal sealed record LxdServer(
    [property: JsonPropertyName("environment")] LxdEnvironment Environment
);

/// <summary>What an engine says of itself.</summary>
internal sealed record LxdEnvironment(
    [property: JsonPropertyName("server_name")] string Name,
    [property: JsonPropertyName("server_clustered")] bool IsClustered
);

/// <summary>How an instance is; its first process has the number 0 while there is none.</summary>
internal sealed record LxdState([property: JsonPropertyName("pid")] int Pid);

/// <summary>What the engine does in the background.</summary>
internal sealed record LxdOperation
{
    /// <summary>The status code of an instance that does not run (rest-api.md, "List of current status codes").</summary>
    public const int Stopped = 102;

    /// <summary>The status code of what has been done.</summary>
    public const int Success = 200;

    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("status")]
    public string? Status { get; init; }

    [JsonPropertyName("status_code")]
    public int StatusCode { get; init; }

    [JsonPropertyName("err")]
    public string? Error { get; init; }
}

/// <summary>What can be written of an instance: all of it, or what a patch has.</summary>
internal record LxdChange
{
    [JsonPropertyName("architecture")]
    public JsonElement? Architecture { get; init; }

    [JsonPropertyName("config")]
    public Dictionary<string, string?>? Config { get; init; }

    [JsonPropertyName("description")]
    public JsonElement? Description { get; init; }

    [JsonPropertyName("devices")]
    public Dictionary<string, Dictionary<string, string?>?>? Devices { get; init; }

    [JsonPropertyName("ephemeral")]
    public JsonElement? Ephemeral { get; init; }

    [JsonPropertyName("profiles")]
    public JsonElement? Profiles { get; init; }

    [JsonPropertyName("stateful")]
    public JsonElement? Stateful { get; init; }
}

/// <summary>A NIC as LXD and Incus have it: keys and texts (reference/devices_nic.md, <c>nictype: bridged</c>).</summary>
internal static class LxdDevice
{
    // Any key below user. may be on a device; the engines ignore it.
    private const string MarkKey = "user.weft";

    /// <summary>The key of a container's configuration that says which overlay took a device over.</summary>
    public static string AdoptedKey(string device) => $"user.weft-adopted.{device}";

    /// <summary>
    /// The key of a container's configuration for the Ethernet address of a device that does not set one. A copy of the
    /// container gets an address of its own there, whereas one in the device is copied, and keeps the two from running at once.
    /// </summary>
    public static string MacKey(string device) => $"volatile.{device}.hwaddr";

    /// <summary>Whose device it is; null where it is not Weft's.</summary>
    public static string? Mark(
        string name,
        Dictionary<string, string?> device,
        Dictionary<string, string?>? config
    ) => device.GetValueOrDefault(MarkKey) ?? config?.GetValueOrDefault(AdoptedKey(name));

    /// <summary>Reads it. The engine keeps what it chose itself in the configuration's volatile keys.</summary>
    public static NicDevice Read(
        string name,
        Dictionary<string, string?> device,
        Dictionary<string, string?> config
    )
    {
        string? Of(string key) =>
            device.GetValueOrDefault(key) ?? config.GetValueOrDefault($"volatile.{name}.{key}");
        return new NicDevice
        {
            Parent = Of("parent") ?? "",
            Interface = Of("name") ?? name,
            HostEnd = Of("host_name") ?? "",
            Mac = MacAddress.TryParse(Of("hwaddr") ?? "", out var mac) ? mac : default,
            Mtu = int.TryParse(Of("mtu"), out var mtu) ? mtu : 0,
            Vlan = int.TryParse(Of("vlan"), out var vlan) ? vlan : null,
            Mark = Mark(name, device, config),
            IsAdopted = !device.ContainsKey(MarkKey) && config.ContainsKey(AdoptedKey(name)),
        };
    }

    /// <summary>Writes it, but for its Ethernet address (<see cref="MacKey"/>).</summary>
    /// <param name="nic">What it is to be.</param>
    /// <param name="there">What it was: other settings of it stay. Null where there was none.</param>
    public static Dictionary<string, string?> Write(
        NicDevice nic,
        Dictionary<string, string?>? there
    )
    {
        var device = new Dictionary<string, string?>(there ?? [])
        {
            ["type"] = "nic",
            ["nictype"] = "bridged",
            ["parent"] = nic.Parent,
            ["name"] = nic.Interface,
            ["host_name"] = nic.HostEnd,
            ["mtu"] = $"{nic.Mtu}",
        };
        device.Remove("hwaddr");
        device.Remove("vlan");
        if (nic.Vlan is { } vlan)
        {
            device["vlan"] = $"{vlan}";
        }
        if (nic.Mark is { } mark)
        {
            device[MarkKey] = mark;
        }
        return device;
    }
}

/// <summary>A message of <c>GET /1.0/events</c>.</summary>
internal sealed record LxdEvent([property: JsonPropertyName("metadata")] LxdLifecycle? Metadata);

/// <summary>What happened to whom.</summary>
internal sealed record LxdLifecycle(
    [property: JsonPropertyName("action")] string? Action,
    [property: JsonPropertyName("source")] string? Source,
    [property: JsonPropertyName("context")] LxdContext? Context
);

/// <summary>More about it.</summary>
internal sealed record LxdContext([property: JsonPropertyName("old_name")] string? OldName);
