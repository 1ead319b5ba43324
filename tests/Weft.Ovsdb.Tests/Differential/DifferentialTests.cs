using System.Collections.Immutable;
using Weft.Ovsdb.Tests.Hostile;

namespace Weft.Ovsdb.Tests.Differential;

/// <summary>
/// Thousands of random transactions, with servers killed and connections cut in between: at every quiet point each
/// replica holds exactly what the server holds.
/// </summary>
public sealed class DifferentialTests
{
    private static readonly ImmutableArray<Condition> s_some =
    [
        new("i", ConditionFunction.Less, 2),
        new("ss", ConditionFunction.Includes, Datum.Set("short")),
        new("b", ConditionFunction.Equal, true),
    ];

    private static readonly ImmutableArray<Condition> s_others =
    [
        new("i", ConditionFunction.Greater, 3),
        new("os", ConditionFunction.Equal, Datum.Empty),
    ];

    /// <summary>monitor_cond_since, monitor_cond (refusing the first), monitor (refusing both).</summary>
    public static TheoryData<string, int> Methods =>
        new()
        {
            { "monitor_cond_since", 1 },
            { "monitor_cond", 2 },
            { "monitor", 3 },
        };

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Replica_equals_the_server_whatever_is_killed_or_cut(string method, int seed)
    {
        const int Rounds = 12;
        const int TransactionsARound = 110;
        var cancellation = TestContext.Current.CancellationToken;
        await using var server = await OvsdbServer.StartAsync(RandomTransactions.Schema);
        await using var tap = new Tap(
            server.SocketPath,
            method switch
            {
                "monitor" => ["monitor_cond_since", "monitor_cond"],
                "monitor_cond" => ["monitor_cond_since"],
                _ => [],
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(Options(tap.Remote), cancellation);
        await using var whole = await client.MonitorAsync(
            "chaos",
            MonitorSpec.Everything,
            cancellation
        );
        await using var part =
            method == "monitor"
                ? null
                : await client.MonitorAsync("chaos", Part(s_some), cancellation);
        // Another client writes too, so that the replica sees what it did not do itself.
        await using var writer = await OvsdbClient.ConnectAsync(
            Options(server.Remote),
            cancellation
        );
        var changes = ChangeLog.Of(whole);

        var random = new Random(seed);
        var transactions = new RandomTransactions(seed);
        var (done, refused, lost) = (0, 0, 0);
        var where = s_some;
        for (var round = 0; round < Rounds; round++)
        {
            for (var n = 0; n < TransactionsARound; n++)
            {
                var operations = transactions.Next();
                try
                {
                    var by = random.Next(3) == 0 ? writer : client;
                    transactions.Note(
                        operations,
                        await by.TransactAsync("chaos", operations, cancellation)
                    );
                    done++;
                }
                catch (OvsdbTransactionException)
                {
                    refused++;
                }
                catch (OvsdbConnectionException)
                {
                    lost++;
                    Assert.True(
                        lost < 12,
                        $"{lost} transactions lost (seed {seed}); the server said: {server.Log}"
                    );
                }
                if (n == TransactionsARound / 2)
                {
                    await DisturbAsync(random, server, tap);
                }
            }
            if (part is not null && round % 3 == 2)
            {
                where = where == s_some ? s_others : s_some;
                await part.SetConditionsAsync(
                    ImmutableDictionary<string, ImmutableArray<Condition>>.Empty.Add("node", where),
                    cancellation
                );
            }
            await EqualAsync(
                $"seed {seed}, {method}, round {round}",
                server,
                whole,
                part,
                writer,
                where
            );
        }
        Assert.True(
            done > Rounds * TransactionsARound / 3,
            $"only {done} transactions were carried out (seed {seed})"
        );
        Assert.True(tap.Connections > 1);
        await changes.EqualAsync(whole.Snapshot);
        Console.WriteLine(
            $"{method}: {done} random transactions carried out, {refused} refused, {lost} lost with a connection; {Rounds} quiet points equal ovsdb-client dump"
        );
    }

    [Fact]
    public async Task Replica_equals_the_cluster_whichever_leader_is_killed()
    {
        const int Seed = 4;
        const int Rounds = 6;
        const int TransactionsARound = 100;
        var cancellation = TestContext.Current.CancellationToken;
        await using var cluster = await Cluster.StartAsync(RandomTransactions.Schema, "chaos");
        var options = Options(string.Join(',', cluster.Remotes)) with
        {
            Database = "chaos",
            LeaderOnly = true,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            ReconnectPatience = TimeSpan.FromSeconds(60),
        };
        await using var client = await OvsdbClient.ConnectAsync(
            options with
            {
                FirstConnectPatience = TimeSpan.FromSeconds(60),
            },
            cancellation
        );
        await using var whole = await client.MonitorAsync(
            "chaos",
            MonitorSpec.Everything,
            cancellation
        );
        await using var part = await client.MonitorAsync("chaos", Part(s_some), cancellation);

        var transactions = new RandomTransactions(Seed);
        var (done, refused, lost) = (0, 0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            for (var n = 0; n < TransactionsARound; n++)
            {
                var operations = transactions.Next();
                try
                {
                    transactions.Note(
                        operations,
                        await client.TransactAsync("chaos", operations, cancellation)
                    );
                    done++;
                }
                catch (OvsdbTransactionException)
                {
                    refused++;
                }
                catch (OvsdbException e)
                    when (e is OvsdbConnectionException or OvsdbRemoteException)
                {
                    lost++;
                }
                if (n == TransactionsARound / 2 && round % 2 == 0)
                {
                    await cluster.KillLeaderAsync();
                }
            }
            await cluster.ReviveAsync();
            await client.WaitForStateAsync(
                state => state.Status == ConnectionStatus.Connected,
                cancellation
            );
            await EqualAsync(
                $"seed {Seed}, cluster, round {round}",
                await cluster.LeaderAsync(),
                whole,
                part,
                client,
                s_some
            );
        }
        Assert.True(
            done > Rounds * TransactionsARound / 3,
            $"only {done} transactions were carried out (seed {Seed})"
        );
        Console.WriteLine(
            $"cluster of 3: {done} random transactions carried out, {refused} refused, {lost} lost with a leader; {Rounds} quiet points equal ovsdb-client dump"
        );
    }

    private static async Task DisturbAsync(Random random, OvsdbServer server, Tap tap)
    {
        switch (random.Next(3))
        {
            case 0:
                await server.KillAsync();
                await server.StartAsync();
                break;
            case 1:
                tap.Cut();
                break;
            default:
                tap.Cut();
                await server.KillAsync();
                await server.StartAsync();
                break;
        }
    }

    private static async Task EqualAsync(
        string what,
        OvsdbServer server,
        Replica whole,
        Replica? part,
        OvsdbClient client,
        ImmutableArray<Condition> where
    )
    {
        var expected = await Dump.OfServerAsync(server.Remote, "chaos");
        await BecomesAsync($"{what}: the replica of everything", whole, expected);
        if (part is not null)
        {
            // A select wants all of its conditions, a monitor any: so one select for each, together.
            var found = await client.TransactAsync(
                "chaos",
                [.. where.Select(condition => new Select("node", [condition]))],
                TestContext.Current.CancellationToken
            );
            var rows = found.Operations.SelectMany(o => o.Rows).DistinctBy(row => row.Uuid);
            await BecomesAsync($"{what}: the replica with conditions", part, Dump.Of("node", rows));
        }
    }

    private static async Task BecomesAsync(string what, Replica replica, string expected)
    {
        using var deadline = new CancellationTokenSource(OvsdbServer.Patience);
        try
        {
            await replica.WaitAsync(snapshot => Dump.Of(snapshot) == expected, deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Equal(
                $"{what}\n{expected}",
                $"{what} ({replica.State})\n{Dump.Of(replica.Snapshot)}"
            );
        }
    }

    private static MonitorSpec Part(ImmutableArray<Condition> where) =>
        MonitorSpec.Of(new TableMonitor("node") { Where = where });

    private static OvsdbClientOptions Options(string remotes) =>
        new()
        {
            Remotes = Remote.ParseList(remotes),
            MinBackoff = TimeSpan.FromMilliseconds(5),
            MaxBackoff = TimeSpan.FromMilliseconds(200),
            ReconnectPatience = TimeSpan.FromSeconds(4),
        };
}
