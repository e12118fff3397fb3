using System.Reflection;
using LiteDB;
using LiteDB.Engine;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Tests.Buffer;

public sealed class PageCacheTests
{
    [Fact]
    public void The_page_cache_stays_small_however_long_a_database_is_written()
    {
        PageCache.KeepSmall();
        var folder = Directory.CreateTempSubdirectory("ub-cache-").FullName;
        try
        {
            // On a plain thread, as the buffer writes: elsewhere LiteDB queues its writes, and pages that wait are pages in use.
            var pages = 0;
            var writer = new Thread(() => pages = PagesAfterWriting(Path.Combine(folder, "pages.db")));
            writer.Start();
            writer.Join();

            // Without the limit there are 1,662 pages by then.
            Assert.InRange(pages, 1, 3 * 1024 * 1024 / 8192);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int PagesAfterWriting(string file)
    {
        using var engine = new LiteEngine(new EngineSettings { Filename = file });
        for (var i = 0; i < 2_000; i++)
        {
            engine.Insert("pages", [new BsonDocument { ["_id"] = i, ["bytes"] = new byte[4_000] }], BsonAutoId.Int32);
        }

        return PagesOf(engine);
    }

    private static int PagesOf(LiteEngine engine)
    {
        const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        var disk = typeof(LiteEngine).GetField("_disk", Any)!.GetValue(engine)!;
        var cache = disk.GetType().GetProperty("Cache", Any)!.GetValue(disk)!;
        return (int)cache.GetType().GetProperty("ExtendPages", Any)!.GetValue(cache)!;
    }
}
