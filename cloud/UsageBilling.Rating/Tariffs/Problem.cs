namespace UsageBilling.Rating.Tariffs;

/// <summary>One thing that is wrong with a document or an input, and what to do about it.</summary>
/// <param name="Path">Where: a JSON path such as <c>$.components[2].tiers[0].upTo</c>, or the name of an input.</param>
/// <param name="Message">What is wrong and how to put it right.</param>
/// <param name="Line">Line of the file from 1, where one is known.</param>
public sealed record Problem(string Path, string Message, int? Line = null)
{
    /// <summary>Path and message on one line.</summary>
    public override string ToString() => $"{Path}: {Message}";
}

/// <summary>A rating cannot be made from what was given: data missing, a series too short, a number beyond all bounds.</summary>
public sealed class RatingInputException : Exception
{
    /// <summary>Makes the exception over its problems; there is at least one.</summary>
    public RatingInputException(IReadOnlyList<Problem> problems)
        : base(string.Join("; ", problems)) => Problems = problems;

    /// <summary>Makes the exception over one problem.</summary>
    public RatingInputException(string path, string message)
        : this([new Problem(path, message)])
    {
    }

    /// <summary>What is wrong, each with what to do.</summary>
    public IReadOnlyList<Problem> Problems { get; }
}
