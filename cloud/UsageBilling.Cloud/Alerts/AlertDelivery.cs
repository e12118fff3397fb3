using System.Globalization;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Alerts;

/// <summary>Empties the outbox: each due delivery is tried once a turn, several at the same time.</summary>
internal sealed class AlertDelivery(NpgsqlDataSource database, Webhook webhook, Mail mail, TimeProvider time, ILogger<AlertDelivery> log)
{
    private const int AtOnce = 16;

    private Instant Now => time.GetCurrentInstant();

    /// <summary>Tries everything that is due now; returns how many were delivered.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var delivered = 0;
        while (await AlertOutbox.TakeAsync(database, Now, AtOnce, cancellationToken) is { Count: > 0 } due)
        {
            delivered += (await Task.WhenAll(due.Select(d => TryAsync(d, cancellationToken)))).Count(d => d);
        }

        return delivered;
    }

    private async Task<bool> TryAsync(DueDelivery delivery, CancellationToken cancellationToken)
    {
        var problem = delivery.Kind == "email"
            ? await mail.SendAsync(delivery.Address, delivery.Alert, delivery.Subject, Text(delivery.Body), delivery.RaisedAt, cancellationToken)
            : await webhook.SendAsync(new Uri(delivery.Address), delivery.Secret!, delivery.Alert, delivery.Body, Now, cancellationToken);
        await AlertOutbox.NoteAsync(database, delivery, problem, Now, cancellationToken);
        if (problem is not null)
        {
            log.AlertNotDelivered(delivery.Alert, delivery.Target, delivery.Attempts, problem);
        }

        return problem is null;
    }

    private static string Text(string body)
    {
        var message = AlertOutbox.Read(body);
        var text = new StringBuilder().AppendLine(message.Reason).AppendLine();
        foreach (var figure in message.Figures)
        {
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{figure.Name}: {figure.Value} {figure.Unit}").TrimEnd());
        }

        return text.AppendLine()
            .AppendLine(CultureInfo.InvariantCulture, $"Service point {message.ServicePoint}, {message.Period}. Rule {message.Rule}, raised at {message.RaisedAt}.")
            .ToString();
    }
}

/// <summary>Judges rules and empties the outbox for as long as the service runs.</summary>
internal sealed class AlertWorker(AlertJudge judge, AlertDelivery delivery, TimeProvider time, ILogger<AlertWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        do
        {
            try
            {
                await judge.RunAsync(stoppingToken);
                await delivery.RunAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Rules stay due and deliveries stay in the outbox; the next turn takes them.
                log.AlertsFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
