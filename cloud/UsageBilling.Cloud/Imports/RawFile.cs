using System.IO.Compression;
using System.Text;

namespace UsageBilling.Cloud.Imports;

/// <summary>
/// The bytes of an import, opened anew for every reading. Files compressed with gzip, and ZIP archives that hold one file, are read through; what is
/// kept and hashed is the file as it came.
/// </summary>
internal sealed class RawFile(Func<Stream> open)
{
    private const int LongestLine = 1024 * 1024;

    public static RawFile At(string path) => new(() => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 128 * 1024));

    /// <summary>The bytes as they came.</summary>
    public Stream OpenRaw() => open();

    /// <summary>The contents.</summary>
    /// <exception cref="InvalidDataException">The file is an archive of none or several files, or a damaged one.</exception>
    public Stream OpenContents()
    {
        var raw = open();
        try
        {
            Span<byte> magic = stackalloc byte[4];
            var read = raw.ReadAtLeast(magic, 4, throwOnEndOfStream: false);
            raw.Position = 0;
            if (read >= 2 && magic[0] == 0x1F && magic[1] == 0x8B)
            {
                return new GZipStream(raw, CompressionMode.Decompress);
            }

            return read == 4 && magic.SequenceEqual("PK\u0003\u0004"u8) ? OpenOnly(raw) : raw;
        }
        catch
        {
            raw.Dispose();
            throw;
        }
    }

    /// <summary>The contents' lines, without their ends.</summary>
    /// <exception cref="InvalidDataException">A line has more than a million characters, or the file is a damaged archive.</exception>
    public IEnumerable<string> Lines()
    {
        using var reader = new StreamReader(OpenContents(), Encoding.UTF8, detectEncodingFromByteOrderMarks: true, 64 * 1024);
        var buffer = new char[32 * 1024];
        var line = new StringBuilder();
        var number = 1;
        var afterReturn = false;
        var open = false;
        int read;
        while ((read = reader.Read(buffer)) > 0)
        {
            var start = 0;
            for (var at = start; at < read;)
            {
                if (afterReturn && buffer[at] == '\n')
                {
                    (start, at) = (at + 1, at + 1);
                    afterReturn = false;
                    continue;
                }

                afterReturn = false;
                var end = buffer.AsSpan(at, read - at).IndexOfAny('\n', '\r');
                if (end < 0)
                {
                    break;
                }

                afterReturn = buffer[at + end] == '\r';
                var piece = new string(buffer, at, end);
                yield return line.Length == 0 ? piece : line.Append(piece).ToString();
                line.Clear();
                number++;
                (start, at) = (at + end + 1, at + end + 1);
            }

            line.Append(buffer, start, read - start);
            open = true;
            if (line.Length > LongestLine)
            {
                throw new InvalidDataException($"line {number} has more than {LongestLine} characters: this is no text file of this format");
            }
        }

        if (open && line.Length > 0)
        {
            yield return line.ToString();
        }
    }

    private static ZipEntryStream OpenOnly(Stream raw)
    {
        var archive = new ZipArchive(raw, ZipArchiveMode.Read);
        var files = archive.Entries.Where(entry => !entry.FullName.EndsWith('/')).Take(2).ToArray();
        if (files.Length != 1)
        {
            archive.Dispose();
            throw new InvalidDataException($"the ZIP archive holds {(files.Length == 0 ? "no file" : "several files")}; give one that holds one, or unpack it");
        }

        return new ZipEntryStream(archive, files[0].Open());
    }

    /// <summary>The only file of an archive; closing it closes the archive.</summary>
    private sealed class ZipEntryStream(ZipArchive archive, Stream contents) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => contents.Read(buffer, offset, count);

        public override int Read(Span<byte> buffer) => contents.Read(buffer);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                contents.Dispose();
                archive.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
