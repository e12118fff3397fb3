using System.Reflection;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Tests.Buffer;

public sealed class PageCacheTests
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    [Fact]
    public async Task The_page_cache_of_a_buffer_stays_small_however_long_it_is_written()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1_200, readings: 32);

        // Without the limit there are 1,662 pages by then.
        Assert.InRange(PagesOf(fixture.Buffer), 1, 3 * 1024 * 1024 / 8192);
    }

    // LiteDB shows nobody its cache.
    private static int PagesOf(ReadingBuffer buffer)
    {
        var file = Field(buffer, "_file");
        var disk = Field(Field(file, "_engine"), "_disk");
        var cache = disk.GetType().GetProperty("Cache", Any)!.GetValue(disk)!;
        return (int)cache.GetType().GetProperty("ExtendPages", Any)!.GetValue(cache)!;
    }

    private static object Field(object of, string name) => of.GetType().GetField(name, Any)!.GetValue(of)!;
}
