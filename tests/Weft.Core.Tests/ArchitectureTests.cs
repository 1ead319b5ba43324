using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using Weft.Core.Planning;
using Weft.Ovsdb;

namespace Weft.Core.Tests;

/// <summary>Imports run one way: from the edge towards what is known, never back.</summary>
public sealed class ArchitectureTests
{
    private const string Core = "Weft.Core";

    private static readonly Architecture House = new ArchLoader()
        .LoadAssemblies(typeof(Plan).Assembly, typeof(OvsdbClient).Assembly)
        .Build();

    [Fact]
    public void The_client_of_the_database_knows_nothing_of_Weft() =>
        Assert.DoesNotContain(
            typeof(OvsdbClient).Assembly.GetReferencedAssemblies(),
            assembly => assembly.Name!.StartsWith("Weft", StringComparison.OrdinalIgnoreCase)
        );

    [Fact]
    public void The_core_knows_nothing_of_the_program() =>
        Assert.DoesNotContain(
            typeof(Plan).Assembly.GetReferencedAssemblies(),
            assembly => assembly.Name!.Equals("weft", StringComparison.OrdinalIgnoreCase)
        );

    [Theory]
    [InlineData(
        "Addressing",
        "Ipsec",
        "Overlays",
        "Pki",
        "Engines",
        "Intents",
        "Observation",
        "Importing",
        "Planning",
        "Execution"
    )]
    [InlineData("Pki", "Engines", "Intents", "Observation", "Importing", "Planning", "Execution")]
    [InlineData(
        "Ipsec",
        "Overlays",
        "Pki",
        "Engines",
        "Intents",
        "Observation",
        "Importing",
        "Planning",
        "Execution"
    )]
    [InlineData(
        "Overlays",
        "Pki",
        "Engines",
        "Intents",
        "Observation",
        "Importing",
        "Planning",
        "Execution"
    )]
    [InlineData(
        "Engines",
        "History",
        "Intents",
        "Observation",
        "Importing",
        "Planning",
        "Execution"
    )]
    [InlineData("Intents", "Observation", "Importing", "Planning", "Execution")]
    [InlineData("Observation", "Importing", "Planning", "Execution")]
    [InlineData("Importing", "Planning", "Execution")]
    [InlineData("Planning", "Importing", "Execution")]
    [InlineData("History", "Intents", "Observation", "Importing", "Planning", "Execution")]
    public void A_room_knows_no_later_one(string room, params string[] laterOnes)
    {
        var later = laterOnes.Select(one => $"{Core}.{one}").ToHashSet();
        Assert.DoesNotContain(
            DependenciesOf(room),
            target => later.Contains(target.Namespace?.FullName ?? "")
        );
    }

    [Theory]
    [InlineData("Addressing")]
    [InlineData("Intents")]
    [InlineData("Importing")]
    [InlineData("Planning")]
    public void Knowledge_does_no_input_or_output_and_has_no_clock(string room)
    {
        var outward = DependenciesOf(room)
            .Where(target =>
                target.Namespace?.FullName is "System.IO" or "System.Net.Sockets" or $"{Core}.Linux"
                    && target.Name != "AddressFamily"
                || target.FullName
                    is "System.Diagnostics.Process"
                        or "System.TimeProvider"
                        or "System.DateTime"
                        or "System.DateTimeOffset"
                        or "System.Random"
                        or "System.Environment"
                        or "System.Console"
            );
        Assert.Empty(outward.Select(target => target.FullName).Distinct());
    }

    [Fact]
    public void The_rooms_are_those_that_this_test_knows() =>
        Assert.Equal(
            [
                "Addressing",
                "Engines",
                "Execution",
                "History",
                "Importing",
                "Intents",
                "Ipsec",
                "Linux",
                "Observation",
                "Overlays",
                "Pki",
                "Planning",
            ],
            House
                .Types.Select(type => type.Namespace?.FullName ?? "")
                .Where(name => name.StartsWith($"{Core}.", StringComparison.Ordinal))
                .Select(name => name.Split('.')[2])
                .Distinct()
                .Order()
        );

    private static IEnumerable<IType> DependenciesOf(string room)
    {
        var types = House
            .Types.Where(type => type.Namespace?.FullName == $"{Core}.{room}")
            .ToList();
        Assert.NotEmpty(types);
        return types
            .SelectMany(type => type.Dependencies)
            .Select(dependency => dependency.Target)
            // Methods that the JSON generator writes into every context have parameters of one name, which are taken for one.
            .Where(target => target is not GenericParameter);
    }
}
