using System.Security.Cryptography;
using System.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Service points out of names in files: what <see cref="Name"/> does not allow becomes '-', and a name that is too long keeps its beginning and
/// ends in twelve digits of its hash. The same name always gives the same point.
/// </summary>
public static class PointName
{
    private const int HashDigits = 12;

    /// <summary>The point of a name.</summary>
    public static string Of(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var c in name.Trim().Trim('/'))
        {
            text.Append(char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-');
        }

        var point = text.ToString().TrimStart('.');
        if (point.Length == 0)
        {
            return "unnamed";
        }

        return point.Length <= Name.MaxLength
            ? point
            : $"{point[..(Name.MaxLength - HashDigits - 1)]}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashDigits]}";
    }
}
