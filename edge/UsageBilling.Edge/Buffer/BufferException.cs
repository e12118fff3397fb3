namespace UsageBilling.Edge.Buffer;

/// <summary>Something could not be stored. Nothing of what was asked may be taken as stored; asking again is safe.</summary>
public class BufferException : IOException
{
    public BufferException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}

/// <summary>The buffer has reached its limit and thinning did not make room.</summary>
public sealed class BufferFullException(string message) : BufferException(message);

/// <summary>The buffer's files are in a state that a person must look at before anything is created.</summary>
public sealed class BufferRefusedException(string message) : BufferException(message);
