using UsageBilling.Benchmarks;

switch (args)
{
    case ["ingest"]:
        await IngestBenchmark.RunAsync();
        return 0;
    case ["rating"]:
        RatingBenchmark.Run();
        return 0;
    default:
        Console.Error.WriteLine("usage: UsageBilling.Benchmarks ingest | rating");
        return 2;
}
