namespace Weft.Ovsdb.Tests;

public sealed class SchemaTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_schema_is_read_with_all_it_says()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        Assert.Equal(
            ["_Server", "test"],
            (await client.ListDatabasesAsync(Token)).Order(StringComparer.Ordinal)
        );

        var schema = await client.GetSchemaAsync(TestSchema.Database, Token);
        Assert.Equal(("test", "1.2.3"), (schema.Name, schema.Version));
        var thing = schema.Tables["thing"];
        Assert.True(thing.IsRoot);
        Assert.Null(thing.MaxRows);
        Assert.Equal(["name"], Assert.Single(thing.Indexes));
        Assert.False(schema.Tables["part"].IsRoot);
        Assert.Equal(1000, schema.Tables["part"].MaxRows);

        Assert.True(thing.Columns["name"].Type.IsScalar);
        Assert.Equal("", thing.Columns["name"].Type.Default);
        Assert.True(thing.Columns["maybe"].Type.IsOptional);
        Assert.Equal(Datum.Empty, thing.Columns["maybe"].Type.Default);
        Assert.Null(thing.Columns["numbers"].Type.Max);
        Assert.True(thing.Columns["map"].Type.IsMap);
        Assert.Equal(AtomKind.Integer, thing.Columns["small"].Type.Value!.Kind);
        Assert.Equal(Datum.Set("blue", "red"), thing.Columns["color"].Type.Key.Enum);
        var level = thing.Columns["level"];
        Assert.Equal((0L, 9L), (level.Type.Key.MinInteger, level.Type.Key.MaxInteger));
        Assert.True(level.IsEphemeral);
        Assert.Equal(
            ("part", ReferenceType.Strong),
            (thing.Columns["parts"].Type.Key.RefTable, thing.Columns["parts"].Type.Key.RefType)
        );
        Assert.Equal(ReferenceType.Weak, thing.Columns["friends"].Type.Key.RefType);
        Assert.False(thing.Columns["fixed"].IsMutable);
        Assert.True(thing.Columns["name"].IsMutable);
    }

    [Fact]
    public async Task The_schema_of_open_vswitch_is_read_and_replicated()
    {
        const string Path = "/usr/share/openvswitch/vswitch.ovsschema";
        Assert.SkipUnless(File.Exists(Path), $"{Path} is not there (Debian: openvswitch-switch)");
        await using var server = await OvsdbServer.StartAsync(
            await File.ReadAllTextAsync(Path, Token)
        );
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var schema = await client.GetSchemaAsync("Open_vSwitch", Token);
        Assert.Equal(
            (1L, 4095L),
            (
                schema.Tables["Port"].Columns["tag"].Type.Key.MinInteger + 1,
                schema.Tables["Port"].Columns["tag"].Type.Key.MaxInteger
            )
        );

        await using var replica = await client.MonitorAsync(
            "Open_vSwitch",
            MonitorSpec.Everything,
            Token
        );
        Assert.Equal(
            schema.Tables.Keys,
            replica.Snapshot.Tables.Keys.Order(StringComparer.Ordinal)
        );
        await OvsdbServer.RunAsync(
            "ovs-vsctl",
            $"--db={server.Remote}",
            "--no-wait",
            "init",
            "--",
            "add-br",
            "br0",
            "--",
            "add-port",
            "br0",
            "p1",
            "tag=200"
        );
        var snapshot = await replica
            .WaitAsync(static s => s["Port"].Values.Any(static p => p["name"] == "p1"), Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(200, snapshot["Port"].Values.Single(static p => p["name"] == "p1")["tag"]);
        Assert.Equal(2, Assert.Single(snapshot["Bridge"]).Value["ports"].Count);
    }

    [Fact]
    public async Task An_unknown_database_is_the_servers_to_refuse()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var error = await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
            client.GetSchemaAsync("nope", Token)
        );
        Assert.Equal((ErrorNames.UnknownDatabase, "get_schema"), (error.Error, error.Method));
        Assert.Contains("nope", error.Details);
        Assert.Equal("""["nope"]""", error.Syntax);
    }
}
