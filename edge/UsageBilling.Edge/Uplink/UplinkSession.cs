using System.Security.Cryptography;
using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Uplink;

/// <summary>
/// One connection from position request to its end: a single loop that takes the cloud's answers, fills the send window, sends again
/// what is due, and offers the window's room to the next cycle. Nothing leaves the buffer here; only the cloud's word moves it.
/// </summary>
internal sealed class UplinkSession(
    UplinkOptions options,
    ReadingBuffer buffer,
    GatewayClock clock,
    GatewayKeys keys,
    StatusBoard status,
    LiveFeed live,
    Supervision.Loop supervised,
    TimeProvider time,
    ILogger logger) : IAsyncDisposable
{
    private const int AtOnce = 8;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainTick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan BetweenNewStreams = TimeSpan.FromMinutes(1);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly DrainLimit _drain = new(options.DrainReadingsPerSecond);
    private readonly long _started = time.GetTimestamp();
    private BrokerConnection _broker = null!;
    private SendWindow _window = null!;
    private byte[]? _asked;
    private TimeSpan _askedAt;
    private TimeSpan _askAgain;
    private int _asks;
    private bool _positioned;
    private volatile bool _mayHaveUnsealed = true;
    private TimeSpan _nextStatus;
    private TimeSpan _nextInterleave;
    private TimeSpan _sealedAt;
    private (long Sealed, long Acknowledged, long Unsealed) _toldPosition;
    private TimeSpan? _signedAgainAt;
    private TimeSpan? _newStreamAt;
    private Replay? _replay;
    private (byte[] Correlation, ReplayReply Reply)? _replayed;

    private TimeSpan Now => time.GetElapsedTime(_started);

    private SealTerms Terms => new(keys.Sign, options.LiveReadings, options.BacklogReadings);

    /// <summary>Runs until the connection ends (then throws) or the gateway stops.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        keys.Refresh();
        _broker = new BrokerConnection(options, Wake);
        _broker.Unreadable += problem => Log.AnswerUnreadable(logger, problem);
        await _broker.Open(cancellationToken);
        _window = new SendWindow(Math.Min(options.Window, _broker.ReceiveMaximum), options.ResendAfter, Random.Shared.NextDouble);
        Log.Connected(logger, options.Host, options.Port);
        buffer.Changed += OnStored;
        live.Changed += Wake;
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                supervised.Progress();
                await Step(cancellationToken);
                if (_broker.Ended is { } why)
                {
                    throw new IOException($"the connection ended: {why}");
                }

                await Wait(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopping; the good-bye below is all that is left to say.
        }
        finally
        {
            buffer.Changed -= OnStored;
            live.Changed -= Wake;
            buffer.OfferLiveRoom(null);
        }

        await _broker.Close(status.ToJson(online: false), CancellationToken.None);
    }

    public ValueTask DisposeAsync() => _broker?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task Step(CancellationToken cancellationToken)
    {
        while (_broker.TryTakeAnswer(out var answer))
        {
            await Take(answer, cancellationToken);
        }

        if (!_positioned && Now >= _askAgain)
        {
            await AskPosition(cancellationToken);
        }

        if (_positioned)
        {
            await SendDue(cancellationToken);
            await Fill(cancellationToken);
            OfferRoom();
            await Replay(cancellationToken);
        }

        if (live.Take() is { } values)
        {
            Track(_broker.SendLive(values, cancellationToken));
        }

        var stands = (buffer.Position.SealedThrough, buffer.Position.AcknowledgedThrough, buffer.Position.UnsealedReadings);
        if (Now >= _nextStatus || (stands != _toldPosition && Now >= _nextStatus - options.StatusEvery + options.StatusSoonest))
        {
            (_nextStatus, _toldPosition) = (Now + options.StatusEvery, stands);
            Track(_broker.SendStatus(status.ToJson(online: true), cancellationToken));
        }
    }

    private Task Take(Incoming answer, CancellationToken cancellationToken)
    {
        var ack = answer.Ack;
        if (answer.Correlation is { } correlation)
        {
            return ack.Kind == Ack.Types.Kind.Position && _asked.AsSpan().SequenceEqual(correlation) ? TakePosition(ack, cancellationToken) : Task.CompletedTask;
        }

        if (BatchCodec.Uuid(ack.Stream) != buffer.Position.Stream)
        {
            // An answer about a stream that is closed: late, and settled.
            return Task.CompletedTask;
        }

        return ack.Kind switch
        {
            Ack.Types.Kind.Committed => TakeCommitted(ack, cancellationToken),
            Ack.Types.Kind.ReSign => SignAgain(ack, cancellationToken),
            Ack.Types.Kind.Forked => Fork($"the cloud says forked: {ack.Reason}", cancellationToken),
            Ack.Types.Kind.Resend => Resend(ack),
            _ => Task.CompletedTask,
        };
    }

    private async Task AskPosition(CancellationToken cancellationToken)
    {
        var position = buffer.Position;
        (_asked, _askedAt) = (RandomNumberGenerator.GetBytes(16), Now);
        var wait = options.ResendAfter * (0.5 + Random.Shared.NextDouble()) * Math.Min(1 << Math.Min(_asks++, 8), 4);
        _askAgain = Now + wait;
        var request = new PositionRequest
        {
            Stream = BatchCodec.Bytes(position.Stream),
            SealedThrough = (ulong)position.SealedThrough,
            AcknowledgedThrough = (ulong)position.AcknowledgedThrough,
            AcknowledgedHash = ByteString.CopyFrom(position.AcknowledgedHash),
            OldestKept = (ulong)await buffer.OldestKept(cancellationToken),
        };
        Track(_broker.SendPositionRequest(request, _asked, cancellationToken));
    }

    private async Task TakePosition(Ack ack, CancellationToken cancellationToken)
    {
        _asked = null;
        CompareClocks(ack, _askedAt);
        var through = (long)ack.CommittedThrough;
        if (!await buffer.TakePosition(BatchCodec.Uuid(ack.Stream), through, ack.Hash.ToByteArray(), Terms, cancellationToken))
        {
            await Fork($"the cloud stands at {through} with a history that is not ours", cancellationToken);
        }

        _window.Reset(buffer.Position.AcknowledgedThrough);
        (_positioned, _asks, _mayHaveUnsealed) = (true, 0, true);
        Log.Positioned(logger, buffer.Position.Stream, through, buffer.Position.SealedThrough);
    }

    private async Task TakeCommitted(Ack ack, CancellationToken cancellationToken)
    {
        var stream = BatchCodec.Uuid(ack.Stream);
        CompareClocks(ack, _window.FirstSent((long)ack.CommittedThrough));
        if (await buffer.Acknowledge(stream, (long)ack.CommittedThrough, ack.Hash.ToByteArray(), cancellationToken))
        {
            _window.Acknowledged((long)ack.CommittedThrough);
        }
    }

    /// <summary>An answer tells the cloud's time, which lies between what it answers and now.</summary>
    private void CompareClocks(Ack ack, TimeSpan? askedAt)
    {
        if (askedAt is { } asked && ack.AtMs > 0 && ack.AtMs <= NodaTime.Instant.MaxValue.ToUnixTimeMilliseconds())
        {
            clock.Compare(NodaTime.Instant.FromUnixTimeMilliseconds(ack.AtMs), NodaTime.Duration.FromTimeSpan(Now - asked));
        }
    }

    private async Task SignAgain(Ack ack, CancellationToken cancellationToken)
    {
        var renewed = keys.Refresh();
        if (!renewed && _signedAgainAt is { } last && Now - last < options.ResendAfter)
        {
            // Several batches under way are answered alike; they have been signed again, and a key the cloud refuses must not make a storm.
            return;
        }

        _signedAgainAt = Now;
        var count = await buffer.SignAgain(buffer.Position.AcknowledgedThrough + 1, Terms, cancellationToken);
        Log.SignedAgain(logger, count, keys.KeyId, ack.Reason);
        _window.ResendFrom((long)ack.From);
    }

    private async Task Fork(string reason, CancellationToken cancellationToken)
    {
        if (_newStreamAt is { } last && Now - last < BetweenNewStreams)
        {
            throw new IOException($"a second new stream within a minute was asked for ({reason}): reconnecting later");
        }

        _newStreamAt = Now;
        await buffer.OpenNewStream(reason, cancellationToken);
        _window.Reset(0);
        _mayHaveUnsealed = true;
    }

    private Task Resend(Ack ack)
    {
        if ((long)ack.From > buffer.Position.AcknowledgedThrough)
        {
            _window.ResendFrom((long)ack.From);
        }
        else
        {
            // It misses what it had acknowledged: only its position tells whether it was restored from a backup.
            (_positioned, _askAgain) = (false, Now);
        }

        return Task.CompletedTask;
    }

    /// <summary>A full batch goes at once; a smaller one leaves the last batch some time ahead.</summary>
    private bool MaySeal => buffer.Position.UnsealedReadings >= options.BacklogReadings || Now >= _sealedAt + options.SealEvery;

    private async Task SendDue(CancellationToken cancellationToken)
    {
        foreach (var sequence in _window.Due(Now))
        {
            if (await buffer.Read(sequence, 1, cancellationToken) is [var batch, ..] && batch.Sequence == sequence)
            {
                await Send(batch, cancellationToken);
            }
        }
    }

    private async Task Fill(CancellationToken cancellationToken)
    {
        while (_window.Room > 0 && _broker.Ended is null)
        {
            if (_window.Next <= buffer.Position.SealedThrough)
            {
                var kept = await buffer.Read(_window.Next, Math.Min(_window.Room, 8), cancellationToken);
                foreach (var batch in kept)
                {
                    await Send(batch, cancellationToken);
                }

                if (kept.Count == 0)
                {
                    await Fork($"batch {_window.Next} is not kept any more", cancellationToken);
                }
            }
            else if (_mayHaveUnsealed && MaySeal && (buffer.Position.UnsealedReadings <= options.LiveReadings || _drain.MayTake(Now)))
            {
                // Cleared before, not after: what is stored meanwhile sets it again.
                _mayHaveUnsealed = false;
                var fresh = await buffer.SealNext(Terms, cancellationToken);
                _mayHaveUnsealed |= fresh is not null;
                _drain.Took(fresh?.Readings ?? 0);
                if (fresh?.Sequence == _window.Next)
                {
                    await Send(fresh, cancellationToken);
                }
            }
            else
            {
                return;
            }
        }
    }

    private async Task Send(SealedBatch batch, CancellationToken cancellationToken)
    {
        if (!batch.IsIntact)
        {
            await buffer.SignAgain(batch.Sequence, Terms, cancellationToken);
            batch = (await buffer.Read(batch.Sequence, 1, cancellationToken))[0];
        }

        _sealedAt = Now;
        _window.Sent(batch.Sequence, Now);
        Track(_broker.SendBatch(batch, cancellationToken));
    }

    /// <summary>
    /// Sends kept batches once more because the cloud asked, a few at a time beside what is live. They are not in the window: what is acknowledged is not waited for again.
    /// </summary>
    private async Task Replay(CancellationToken cancellationToken)
    {
        if (_replay is null && _broker.TryTakeReplay(out var order))
        {
            if (_replayed is { } last && last.Correlation.AsSpan().SequenceEqual(order.Correlation))
            {
                // The cloud asks again until it is answered, and sending may take longer than it waits: once is enough.
                Track(_broker.SendReplayReply(last.Reply, last.Correlation, cancellationToken));
                return;
            }

            _replay = new Replay(order.Request, order.Correlation);
            Log.ReplayAsked(logger, (long)order.Request.From, (long)order.Request.Through);
        }

        if (_replay is not { } replay)
        {
            return;
        }

        var position = buffer.Position;
        var foreign = BatchCodec.Uuid(replay.Request.Stream) != position.Stream;
        var through = Math.Min((long)Math.Min(replay.Request.Through, long.MaxValue), position.SealedThrough);
        var kept = foreign || replay.Next > through ? [] : await buffer.Read(replay.Next, AtOnce, cancellationToken);
        foreach (var batch in kept.Where(b => b.Sequence <= through && b.IsIntact))
        {
            await _broker.SendBatch(batch, cancellationToken);
            replay.Sent++;
        }

        replay.Next = kept.Count == 0 ? long.MaxValue : kept[^1].Sequence + 1;
        if (replay.Next > through)
        {
            var reply = new ReplayReply
            {
                Stream = replay.Request.Stream,
                Sent = (ulong)replay.Sent,
                OldestKept = (ulong)await buffer.OldestKept(cancellationToken),
                Reason = foreign ? $"the open stream is {position.Stream}" : replay.Sent == 0 ? "none of these batches is kept any more" : "",
            };
            (_replay, _replayed) = (null, (replay.Correlation, reply));
            Track(_broker.SendReplayReply(reply, replay.Correlation, cancellationToken));
        }
    }

    /// <summary>The next cycle may be sealed as it is stored: always when nothing waits before it, now and then when a backlog does.</summary>
    private void OfferRoom()
    {
        var position = buffer.Position;
        var room = _window.Room - (int)Math.Min(_window.Room, position.SealedThrough + 1 - _window.Next);
        if (room <= 0 || Now < (position.UnsealedReadings > 0 ? _nextInterleave : _sealedAt + options.SealEvery))
        {
            buffer.OfferLiveRoom(null);
            return;
        }

        _nextInterleave = position.UnsealedReadings > 0 ? Now + options.LiveInterleave : _nextInterleave;
        buffer.OfferLiveRoom(new LiveRoom(Terms, room));
    }

    private async Task Wait(CancellationToken cancellationToken)
    {
        var until = new[] { _nextStatus, _window.NextDue ?? TimeSpan.MaxValue, _positioned ? TimeSpan.MaxValue : _askAgain }.Min() - Now;
        var wait = until < LongestWait ? until : LongestWait;
        if (_positioned && _mayHaveUnsealed && _window.Room > 0)
        {
            // A limited drain earns its next batch meanwhile.
            wait = DrainTick;
        }

        if (_replay is not null)
        {
            return;
        }

        if (wait <= TimeSpan.Zero || _wake.Reader.TryRead(out _))
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(wait);
        try
        {
            await _wake.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time for the next step.
        }
    }

    /// <summary>Publications report their failure through the connection; nobody waits for them here.</summary>
    private static void Track(Task publication) => _ = publication;

    private void OnStored()
    {
        _mayHaveUnsealed = true;
        Wake();
    }

    private void Wake() => _wake.Writer.TryWrite(true);
}

/// <summary>A replay under way.</summary>
internal sealed class Replay(ReplayRequest request, byte[] correlation)
{
    public ReplayRequest Request { get; } = request;

    public byte[] Correlation { get; } = correlation;

    public long Next { get; set; } = (long)Math.Clamp(request.From, 1UL, long.MaxValue);

    public long Sent { get; set; }
}
