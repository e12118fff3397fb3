using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace UsageBilling.Cloud.Tests.Alerts;

/// <summary>Mail that a server took.</summary>
internal sealed record ReceivedMail(string From, string To, string Text);

/// <summary>A mail server that speaks enough SMTP (RFC 5321) to take mail, on a port of its own; a test says which recipients it refuses.</summary>
internal sealed class MailReceiver : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopped = new();
    private readonly Task serving;

    public MailReceiver()
    {
        listener.Start();
        serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public ConcurrentQueue<ReceivedMail> Received { get; } = [];

    /// <summary>Answer to the n-th RCPT command, from 1. The default takes all.</summary>
    public Func<int, string> Recipient { get; set; } = _ => "250 OK";

    public async ValueTask DisposeAsync()
    {
        await stopped.CancelAsync();
        listener.Stop();
        await serving;
        stopped.Dispose();
    }

    private async Task ServeAsync()
    {
        var recipients = 0;
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stopped.Token);
                using var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.UTF8);
                await using var writer = new StreamWriter(stream, new UTF8Encoding(false)) { NewLine = "\r\n", AutoFlush = true };
                var (from, to) = ("", "");
                await writer.WriteLineAsync("220 mail.test ready");
                while (await reader.ReadLineAsync(stopped.Token) is { } line)
                {
                    switch (line.Split(' ', ':')[0].ToUpperInvariant())
                    {
                        case "EHLO":
                            await writer.WriteLineAsync("250-mail.test\r\n250 8BITMIME");
                            break;
                        case "MAIL":
                            from = line[10..].Trim('<', '>', ' ');
                            await writer.WriteLineAsync("250 OK");
                            break;
                        case "RCPT":
                            to = line[8..].Trim('<', '>', ' ');
                            await writer.WriteLineAsync(Recipient(++recipients));
                            break;
                        case "DATA":
                            await writer.WriteLineAsync("354 go on");
                            var text = new StringBuilder();
                            while (await reader.ReadLineAsync(stopped.Token) is { } content && content != ".")
                            {
                                text.Append(content.StartsWith('.') ? content[1..] : content).Append('\n');
                            }

                            Received.Enqueue(new(from, to, text.ToString()));
                            await writer.WriteLineAsync("250 taken");
                            break;
                        case "QUIT":
                            await writer.WriteLineAsync("221 bye");
                            break;
                        default:
                            await writer.WriteLineAsync("250 OK");
                            break;
                    }
                }
            }
        }
        catch (Exception e) when (stopped.IsCancellationRequested && e is OperationCanceledException or SocketException or IOException)
        {
            // The test is over.
        }
    }
}
