using System.Globalization;
using UsageBilling.Benchmarks;
using UsageBilling.Benchmarks.Ingest;
using UsageBilling.Benchmarks.Metering;
using UsageBilling.Benchmarks.Validation;

switch (args)
{
    case ["ingest"]:
        await IngestBenchmark.RunAsync(null);
        return 0;
    case ["ingest", ['0' or '1' or '2'] load]:
        await IngestBenchmark.RunAsync(int.Parse(load, CultureInfo.InvariantCulture));
        return 0;
    case ["gateway-memory"]:
        await GatewayMemoryBenchmark.RunAsync(null);
        return 0;
    case ["gateway-memory", var gateway]:
        await GatewayMemoryBenchmark.RunAsync(gateway);
        return 0;
    case ["replay"]:
        await ReplayBenchmark.RunAsync();
        return 0;
    case ["rating"]:
        RatingBenchmark.Run();
        return 0;
    case ["validation"]:
        await ValidationBenchmark.RunAsync();
        return 0;
    default:
        Console.Error.WriteLine("usage: UsageBilling.Benchmarks ingest [0|1|2] | gateway-memory [PROGRAM] | replay | rating | validation");
        return 2;
}
