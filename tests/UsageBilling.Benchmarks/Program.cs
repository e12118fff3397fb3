using UsageBilling.Benchmarks;

switch (args)
{
    case ["ingest"]:
        await IngestBenchmark.RunAsync();
        return 0;
    default:
        Console.Error.WriteLine("usage: UsageBilling.Benchmarks ingest");
        return 2;
}
