using System.Net;

namespace MoE.Samples.Tests.Data;

/// <summary>A server on this machine that answers requests as it is told.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly HttpListener _listener;
    private readonly Action<HttpListenerContext> _answer;
    private readonly Task _loop;
    private volatile bool _stopping;

    public LoopbackServer(Action<HttpListenerContext> answer)
    {
        _answer = answer;
        (_listener, Address) = Listen();
        _loop = Task.Run(Serve);
    }

    public Uri Address { get; }

    /// <summary>The Range header of every request so far.</summary>
    public List<string?> Ranges { get; } = [];

    public void Dispose()
    {
        _stopping = true;
        _listener.Stop();
        _loop.Wait();
        _listener.Close();
    }

    /// <summary>A free port can be taken by another program before it is listened on: then another one.</summary>
    private static (HttpListener, Uri) Listen()
    {
        for (int attempt = 1; ; attempt++)
        {
            int port;
            using (var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                port = ((IPEndPoint)probe.LocalEndpoint).Port;
            }

            var address = new Uri($"http://127.0.0.1:{port}/");
            var listener = new HttpListener { Prefixes = { address.ToString() } };
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 10)
            {
                listener.Close();
            }
        }
    }

    private async Task Serve()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (_stopping && e is HttpListenerException or InvalidOperationException)
            {
                // Disposed: stopped while it waited, or between two requests.
                return;
            }

            Ranges.Add(context.Request.Headers["Range"]);
            try
            {
                _answer(context);
                context.Response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or InvalidOperationException or IOException)
            {
                context.Response.Abort();
            }
        }
    }
}
