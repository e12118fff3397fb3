using Microsoft.AspNetCore.Components;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Web;

/// <summary>
/// A page that reads what it shows again every few seconds for as long as somebody looks at it. While the database does not answer it goes on showing
/// what it read last, and says so.
/// </summary>
public abstract class RefreshingPage : ComponentBase, IAsyncDisposable
{
    private readonly CancellationTokenSource left = new();
    private CancellationTokenSource? reading;
    private Task refreshing = Task.CompletedTask;

    /// <summary>The clock.</summary>
    [Inject]
    protected TimeProvider Time { get; set; } = null!;

    /// <summary>What went wrong when the page was read last, or null.</summary>
    protected string? Problem { get; private set; }

    /// <summary>When what is shown was read; null: not yet.</summary>
    protected Instant? ReadAt { get; private set; }

    /// <summary>This moment.</summary>
    protected Instant Now => Time.GetCurrentInstant();

    /// <summary>How long what is shown stays. The default is 3 s.</summary>
    protected virtual TimeSpan Pause => TimeSpan.FromSeconds(3);

    /// <summary>Reads everything anew; what it sets is shown when it returns.</summary>
    protected abstract Task ReadAsync(CancellationToken cancellationToken);

    /// <summary>Reads now, instead of what is being read: after a choice or an action.</summary>
    protected async Task RefreshAsync()
    {
        if (reading is not null)
        {
            await reading.CancelAsync();
        }

        using var mine = CancellationTokenSource.CreateLinkedTokenSource(left.Token);
        reading = mine;
        try
        {
            await ReadAsync(mine.Token);
            (Problem, ReadAt) = (null, Now);
        }
        catch (Exception e) when (mine.IsCancellationRequested && e is OperationCanceledException or NpgsqlException or ObjectDisposedException)
        {
            return; // Somebody left the page, or chose something else: that is being read.
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            Problem = e is PostgresException refused ? $"The database refuses: {refused.MessageText}." : "The database does not answer.";
        }
        finally
        {
            if (reading == mine)
            {
                reading = null;
            }
        }

        StateHasChanged();
    }

    /// <inheritdoc/>
    protected override void OnInitialized() => refreshing = KeepReadingAsync();

    /// <inheritdoc/>
    protected override Task OnParametersSetAsync() => RefreshAsync();

    /// <summary>Ends reading.</summary>
    public async ValueTask DisposeAsync()
    {
        await left.CancelAsync();
        await refreshing;
        left.Dispose();
        GC.SuppressFinalize(this);
    }

    private async Task KeepReadingAsync()
    {
        using var timer = new PeriodicTimer(Pause, Time);
        try
        {
            while (await timer.WaitForNextTickAsync(left.Token))
            {
                if (reading is null)
                {
                    await RefreshAsync();
                }
            }
        }
        catch (OperationCanceledException) when (left.IsCancellationRequested)
        {
            // Nobody looks any more.
        }
#pragma warning disable CA1031 // reason: the loop has no caller; the page's error boundary shows and logs whatever it is
        catch (Exception e)
#pragma warning restore CA1031 // reason: as above
        {
            await DispatchExceptionAsync(e);
        }
    }
}
