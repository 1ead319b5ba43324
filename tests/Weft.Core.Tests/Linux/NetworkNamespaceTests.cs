using Weft.Core.Linux;

namespace Weft.Core.Tests.Linux;

public sealed class NetworkNamespaceTests
{
    [Theory]
    [InlineData("/run/netns/of-nobody")]
    [InlineData("/proc/4294967295/ns/net")]
    public void A_namespace_that_is_gone_is_no_file_whatever_went_with_it(string path) =>
        Assert.Throws<FileNotFoundException>(() => NetworkNamespace.Run(path, () => true));
}
