using System.Text.Json.Serialization;

namespace Weft.Core.Engines;

/// <summary>What of an engine's JSON is read, and how.</summary>
[JsonSourceGenerationOptions(
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(DockerListed[]))]
[JsonSerializable(typeof(DockerContainer))]
[JsonSerializable(typeof(DockerEvent))]
[JsonSerializable(typeof(DockerVersion))]
[JsonSerializable(typeof(DockerError))]
[JsonSerializable(typeof(LxdAnswer<LxdInstance>), TypeInfoPropertyName = "LxdInstanceAnswer")]
[JsonSerializable(typeof(LxdAnswer<LxdInstance[]>), TypeInfoPropertyName = "LxdInstancesAnswer")]
[JsonSerializable(typeof(LxdAnswer<LxdState>), TypeInfoPropertyName = "LxdStateAnswer")]
[JsonSerializable(typeof(LxdAnswer<LxdOperation>), TypeInfoPropertyName = "LxdOperationAnswer")]
[JsonSerializable(typeof(LxdAnswer<LxdServer>), TypeInfoPropertyName = "LxdServerAnswer")]
[JsonSerializable(typeof(LxdError))]
[JsonSerializable(typeof(LxdEvent))]
[JsonSerializable(typeof(LxdChange))]
internal sealed partial class EngineJson : JsonSerializerContext;
