using System.Text.Json;

namespace Weft.Ovsdb;

/// <content>
/// The server's role in its cluster, from the table <c>Database</c> of the database <c>_Server</c> (ovsdb-server(5)). It is
/// watched as long as the connection lasts, with a plain monitor, which every server supports and which sends whole rows.
/// </content>
public sealed partial class OvsdbClient
{
    private const string RoleMonitor = "_Server";

    private async Task CheckRoleAsync(
        JsonRpcConnection connection,
        CancellationToken cancellationToken
    )
    {
        connection.RouteMonitor(
            RoleMonitor,
            (_, parameters) =>
            {
                if (
                    parameters.GetArrayLength() > 1
                    && ObjectionTo(connection.Remote, parameters[1], isFirst: false)
                        is { } objection
                )
                {
                    connection.Close(new OvsdbConnectionException(objection, connection.Remote));
                }
            }
        );
        string? objection;
        try
        {
            objection = await connection
                .CallAsync(
                    "monitor",
                    static writer =>
                    {
                        writer.WriteStringValue("_Server"u8);
                        writer.WriteStringValue(RoleMonitor);
                        writer.WriteStartObject();
                        writer.WriteStartObject("Database"u8);
                        writer.WriteStartArray("columns"u8);
                        writer.WriteStringValue("name"u8);
                        writer.WriteStringValue("model"u8);
                        writer.WriteStringValue("connected"u8);
                        writer.WriteStringValue("leader"u8);
                        writer.WriteStringValue("cid"u8);
                        writer.WriteStringValue("index"u8);
                        writer.WriteEndArray();
                        writer.WriteEndObject();
                        writer.WriteEndObject();
                    },
                    json => ObjectionTo(connection.Remote, json, isFirst: true),
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (OvsdbRemoteException)
        {
            // Open vSwitch before 2.9 had no _Server, and no clusters either.
            return;
        }

        if (objection is not null)
        {
            throw new OvsdbConnectionException(objection, connection.Remote) { IsOfRole = true };
        }
    }

    /// <summary>
    /// Why the server must not be used; null if it may be. <paramref name="json"/> is <c>&lt;table-updates&gt;</c>.
    /// </summary>
    private string? ObjectionTo(Remote remote, JsonElement json, bool isFirst)
    {
        var found = false;
        if (Json.Object(json, "table-updates").TryGetProperty("Database"u8, out var updates))
        {
            foreach (var update in Json.Object(updates, "a table-update").EnumerateObject())
            {
                var hasNew = Json.Object(update.Value, "a row-update")
                    .TryGetProperty("new"u8, out var row);
                if (!hasNew && !update.Value.TryGetProperty("old"u8, out row))
                {
                    continue;
                }

                var database = Row.FromJson(row);
                if (database["name"].AsString() != _options.Database)
                {
                    continue;
                }

                if (!hasNew)
                {
                    return $"{remote}: database '{_options.Database}' was removed";
                }

                found = true;
                if (ObjectionTo(remote, database) is { } objection)
                {
                    return objection;
                }
            }
        }

        return found || !isFirst ? null : $"{remote}: has no database '{_options.Database}'";
    }

    private string? ObjectionTo(Remote remote, Row database)
    {
        var model = database["model"].AsString();
        if (model == "standalone")
        {
            return null;
        }

        if (!database["connected"].AsBoolean())
        {
            return $"{remote}: out of touch with the other servers of '{_options.Database}'";
        }

        if (_options.LeaderOnly && !database["leader"].AsBoolean())
        {
            return $"{remote}: not the leader of '{_options.Database}'";
        }

        // Another member may lag behind the one that this client used before (ovsdb-cs.c, min_index).
        if (database["index"].AsOptionalInteger() is { } index)
        {
            var cluster = database["cid"].ToString();
            if (cluster == _seenCluster && index < _seenIndex)
            {
                return $"{remote}: lags behind: at log index {index}, {_seenIndex} was seen before";
            }

            (_seenCluster, _seenIndex) = (cluster, index);
        }

        return null;
    }
}
