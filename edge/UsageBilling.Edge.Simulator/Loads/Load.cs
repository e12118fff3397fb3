namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>What a meter measures: a pure function from slot and noise to the flow in that slot.</summary>
public abstract record Load
{
    private const int DayPlace = 1_000;

    /// <summary>The names that a site file may give.</summary>
    public static IReadOnlyList<string> Names { get; } = ["household", "shop", "factory", "solar", "water", "gas", "constant"];

    /// <summary>The load of a name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="yearly">Flow of a year in thousandths of a Wh, or in millilitres.</param>
    /// <param name="peakWatts">For a factory what its batches add, for solar the rating of the panels.</param>
    public static Load Of(string name, long yearly, long peakWatts) => name switch
    {
        "household" => new Shaped(yearly, Shapes.Household, 700, 350),
        "shop" => new Shaped(yearly, Shapes.Shop, 150, 200),
        "factory" => new Factory(yearly, peakWatts),
        "solar" => new Solar(new Shaped(yearly, Shapes.Household, 700, 350), peakWatts),
        "water" => new Shaped(yearly, Shapes.Water, 400, 900),
        "gas" => new Shaped(yearly, Shapes.Gas, 350, 300),
        "constant" => new Shaped(yearly, Shapes.Constant, 0, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such load"),
    };

    /// <summary>What flows in the slot; never negative.</summary>
    public abstract Flow In(in Slot slot, Noise noise);

    /// <summary>A shape with noise by day and by slot, both in thousandths of the expected flow.</summary>
    private sealed record Shaped(long Yearly, Shape Shape, int ByDay, int BySlot) : Load
    {
        public override Flow In(in Slot slot, Noise noise)
        {
            long day = noise.Between(1_000 - (ByDay / 2), 1_000 + (ByDay / 2), slot.Day, DayPlace);
            long quarter = noise.Between(1_000 - BySlot, 1_000 + BySlot, slot.Day, slot.Index);
            return new Flow(Shape.Expected(Yearly, slot) * day / 1_000 * quarter / 1_000, 0);
        }
    }

    /// <summary>Shifts, and on working days two batches whose furnace makes the demand peak.</summary>
    private sealed record Factory(long Yearly, long PeakWatts) : Load
    {
        private readonly Shaped shifts = new(Yearly, Shapes.Factory, 100, 120);

        public override Flow In(in Slot slot, Noise noise)
        {
            var flow = shifts.In(slot, noise);
            if (slot.Date.DayOfWeek >= NodaTime.IsoDayOfWeek.Saturday || !(Runs(slot, noise, 28, 1) || Runs(slot, noise, 52, 3)))
            {
                return flow;
            }

            // Watts for a quarter of an hour are 250 thousandths of a Wh each.
            return flow + new Flow(PeakWatts * 250 * noise.Between(850, 1_000, slot.Day, slot.Index + 200) / 1_000, 0);
        }

        private static bool Runs(in Slot slot, Noise noise, int earliest, int place)
        {
            var start = earliest + noise.Between(0, 15, slot.Day, DayPlace + place);
            return slot.LocalQuarter >= start && slot.LocalQuarter < start + noise.Between(3, 6, slot.Day, DayPlace + place + 1);
        }
    }

    /// <summary>A household with panels on its roof: the meter sees the difference, in one direction at a time.</summary>
    private sealed record Solar(Load House, long PeakWatts) : Load
    {
        public override Flow In(in Slot slot, Noise noise)
        {
            var net = House.In(slot, noise).Import - Panels(slot, noise);
            return net >= 0 ? new Flow(net, 0) : new Flow(0, -net);
        }

        private long Panels(in Slot slot, Noise noise)
        {
            var (halfDay, best) = Shapes.Sun[slot.Date.Month - 1];
            var fromNoon = Math.Abs((slot.LocalQuarter * 15) + 7 - 720);
            if (fromNoon >= halfDay)
            {
                return 0;
            }

            // (1 − (t/T)²)² in thousandths: a bell that ends at sunrise and sunset.
            var bell = 1_000 - (1_000L * fromNoon * fromNoon / (halfDay * halfDay));
            var clouds = noise.Between(150, 1_000, slot.Day, DayPlace + 5);
            var passing = noise.Between(Math.Min(clouds, 700), 1_000, slot.Day, slot.Index + 400);
            return PeakWatts * 250 * best / 1_000 * bell / 1_000 * bell / 1_000 * clouds / 1_000 * passing / 1_000;
        }
    }
}
