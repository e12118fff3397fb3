using System.Runtime.InteropServices;

namespace UsageBilling.Edge.Health;

/// <summary>Makes the names in a folder durable: a created or renamed file survives a power cut only once its folder is synced.</summary>
internal static partial class Folder
{
    public static void Sync(string path)
    {
        var descriptor = Open(path, flags: 0);
        if (descriptor < 0)
        {
            throw new IOException($"cannot open folder {path}: error {Marshal.GetLastPInvokeError()}");
        }

        var failed = Fsync(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (failed)
        {
            throw new IOException($"cannot sync folder {path}: error {error}");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
