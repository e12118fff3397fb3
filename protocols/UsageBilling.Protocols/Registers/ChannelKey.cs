namespace UsageBilling.Protocols;

/// <summary>
/// The natural key of a channel: a point (service point or virtual point, same alphabet as serial numbers) and what flows there.
/// Contracts and rating see channels; registers come and go below them.
/// </summary>
public readonly record struct ChannelKey
{
    /// <summary>Makes a key.</summary>
    /// <exception cref="FormatException">The point's name has a length or character that is not allowed.</exception>
    public ChannelKey(string point, Measurand measurand)
    {
        Point = Name.Require(point, "point");
        Measurand = measurand;
    }

    /// <summary>Service point or virtual point.</summary>
    public string Point { get; }

    /// <summary>What the channel carries.</summary>
    public Measurand Measurand { get; }

    /// <summary>The channel's id: the same everywhere, made from the key.</summary>
    public ChannelId Id => new(NameBasedGuid.Create(NameBasedGuid.Channels, ToString()));

    /// <summary><c>point/quantity/direction</c>.</summary>
    public override string ToString() => $"{Point}/{Measurand.Quantity}/{Measurand.Direction}";
}

/// <summary>Identifies a channel; a version 5 UUID of its <see cref="ChannelKey"/>.</summary>
public readonly record struct ChannelId(Guid Value)
{
    /// <summary>The UUID in its usual form.</summary>
    public override string ToString() => Value.ToString();
}
