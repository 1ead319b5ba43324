using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Weft.LabTests;

/// <summary>
/// Begins with the classes that take longest, which are named first to last: begun at the end, one would run on when nothing
/// is left beside it.
/// </summary>
public abstract class LongestFirst(params IReadOnlyList<Type> classes) : ITestCollectionOrderer
{
    internal IReadOnlyList<Type> Classes => classes;

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
        IReadOnlyCollection<TTestCollection> testCollections
    )
        where TTestCollection : ITestCollection =>
        [
            .. testCollections.OrderBy(collection =>
                Classes.TakeWhile(one => !IsOf(collection, one)).Count()
            ),
        ];

    /// <summary>Whether a collection is that of a class: the one that its attribute names, or the one that xUnit makes for it alone.</summary>
    internal static bool IsOf(ITestCollection collection, Type type) =>
        type.GetCustomAttribute<CollectionAttribute>() is { } named
            ? collection.TestCollectionDisplayName == named.Name
            // What follows the name is a space and an id, or nothing.
            : $"{collection.TestCollectionDisplayName} ".StartsWith(
                $"Test collection for {type.FullName} ",
                StringComparison.Ordinal
            );
}

/// <summary>A class that is listed and gone does not compile; what else could put a class back in its place unnoticed is proved here.</summary>
public sealed class LongestFirstTests
{
    [Fact]
    public void A_class_is_known_by_the_name_that_its_collection_has()
    {
        var own = Assert.IsType<ITestCollection>(
            TestContext.Current.TestCollection,
            exactMatch: false
        );

        Assert.True(
            LongestFirst.IsOf(own, typeof(LongestFirstTests)),
            own.TestCollectionDisplayName
        );
        Assert.False(LongestFirst.IsOf(own, typeof(LongestFirst)), own.TestCollectionDisplayName);
    }

    [Fact]
    public void Every_listed_class_has_tests()
    {
        var orderer = Assert.Single(
            typeof(LongestFirstTests)
                .Assembly.GetCustomAttributes()
                .OfType<ITestCollectionOrdererAttribute>()
        );
        var order = Assert.IsType<LongestFirst>(
            Activator.CreateInstance(orderer.OrdererType),
            exactMatch: false
        );

        Assert.NotEmpty(order.Classes);
        Assert.All(
            order.Classes,
            type =>
                Assert.Contains(
                    type.Assembly.GetTypes().Where(type.IsAssignableFrom),
                    one => one.GetMethods().Any(method => method.IsDefined(typeof(FactAttribute)))
                )
        );
    }
}
