using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Tariffs;

internal static class TariffRows
{
    public static async Task<List<string>> CodesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT tariff_code FROM tariff ORDER BY tariff_code", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var codes = new List<string>();
        while (await row.ReadAsync(cancellationToken))
        {
            codes.Add(row.GetString(0));
        }

        return codes;
    }

    public static async Task<List<TariffVersionRecord>> VersionsAsync(NpgsqlConnection connection, IReadOnlyCollection<string> codes, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT tariff_code, version, valid_from, document, hash FROM tariff_version WHERE tariff_code = ANY($1) ORDER BY tariff_code, valid_from", connection)
        {
            Parameters = { new() { Value = codes.ToArray() } },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var versions = new List<TariffVersionRecord>();
        while (await row.ReadAsync(cancellationToken))
        {
            versions.Add(new(row.GetString(0), row.GetString(1), row.GetFieldValue<LocalDate>(2), row.GetString(3), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(4))));
        }

        return versions;
    }
}
