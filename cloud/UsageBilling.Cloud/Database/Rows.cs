using System.Runtime.CompilerServices;
using Npgsql;

namespace UsageBilling.Cloud.Database;

/// <summary>Positional commands, each in one line: on a connection in its running transaction, or on one of the source's.</summary>
internal static class Rows
{
    /// <summary>Runs a command; returns how many rows it touched.</summary>
    public static async Task<int> RunAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object?[] values)
    {
        await using var command = Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Runs a query; returns its rows.</summary>
    public static async Task<List<T>> RowsAsync<T>(this NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken, params object?[] values)
    {
        await using var command = Command(connection, sql, values);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <inheritdoc cref="RunAsync(NpgsqlConnection, string, CancellationToken, object?[])"/>
    public static async Task<int> RunAsync(this NpgsqlDataSource database, string sql, CancellationToken cancellationToken, params object?[] values)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RunAsync(sql, cancellationToken, values);
    }

    /// <inheritdoc cref="RowsAsync{T}(NpgsqlConnection, string, Func{NpgsqlDataReader, T}, CancellationToken, object?[])"/>
    public static async Task<List<T>> RowsAsync<T>(this NpgsqlDataSource database, string sql, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken, params object?[] values)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RowsAsync(sql, row, cancellationToken, values);
    }

    /// <summary>Runs a query; gives its rows one by one, for results that need not fit into memory. A row is valid until the next one is asked for.</summary>
    public static async IAsyncEnumerable<NpgsqlDataReader> StreamAsync(
        this NpgsqlConnection connection, string sql, [EnumeratorCancellation] CancellationToken cancellationToken, params object?[] values)
    {
        await using var command = Command(connection, sql, values);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            yield return row;
        }
    }

    /// <summary>A text, or null.</summary>
    public static string? TextOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        // An array of texts that stands alone is taken for the list of values by the compiler; it is one value.
        foreach (var value in values.GetType() == typeof(object?[]) ? values : [values])
        {
            // A null has no type to infer: the server finds it from where the parameter stands.
            command.Parameters.Add(value is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Unknown } : new NpgsqlParameter { Value = value });
        }

        return command;
    }
}
