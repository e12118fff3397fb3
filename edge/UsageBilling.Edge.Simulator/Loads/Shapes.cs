namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>The relative weights of each kind of load, for the northern temperate zone. Only the proportions within a table matter.</summary>
internal static class Shapes
{
    private static readonly int[] Flat = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    private static readonly int[] EvenYear = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    private static readonly int[] HouseholdWeekday = [38, 32, 30, 29, 30, 38, 80, 115, 100, 70, 62, 66, 80, 72, 66, 72, 105, 160, 200, 195, 180, 150, 110, 65];
    private static readonly int[] HouseholdWeekend = [48, 40, 34, 31, 30, 33, 45, 70, 105, 130, 135, 140, 150, 135, 115, 110, 125, 160, 185, 180, 165, 145, 115, 75];
    private static readonly int[] ShopWeekday = [25, 25, 25, 25, 25, 26, 35, 60, 110, 145, 150, 155, 160, 160, 155, 155, 150, 145, 110, 50, 32, 28, 26, 25];
    private static readonly int[] ShopSunday = [25, 25, 25, 25, 25, 25, 26, 27, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 27, 26, 25, 25, 25, 25];
    private static readonly int[] FactoryWeekday = [20, 20, 20, 20, 25, 50, 120, 160, 170, 165, 170, 165, 140, 170, 170, 165, 155, 140, 130, 125, 120, 100, 40, 22];
    private static readonly int[] FactorySaturday = [20, 20, 20, 20, 22, 40, 80, 95, 100, 100, 95, 90, 60, 40, 25, 20, 20, 20, 20, 20, 20, 20, 20, 20];

    public static Shape Household { get; } = new(HouseholdWeekday, HouseholdWeekend, HouseholdWeekend, [125, 118, 106, 94, 86, 82, 82, 84, 92, 102, 115, 127]);

    public static Shape Shop { get; } = new(ShopWeekday, ShopWeekday, ShopSunday, [104, 100, 96, 94, 98, 108, 114, 112, 102, 96, 98, 108]);

    public static Shape Factory { get; } = new(FactoryWeekday, FactorySaturday, Flat.Select(w => w * 20).ToArray(), [104, 103, 102, 100, 98, 98, 92, 88, 102, 104, 105, 98]);

    public static Shape Water { get; } = new(
        [6, 3, 2, 2, 4, 25, 120, 170, 110, 70, 55, 55, 65, 55, 45, 50, 70, 110, 140, 130, 100, 75, 45, 18],
        [10, 5, 3, 2, 3, 8, 30, 75, 135, 160, 140, 110, 95, 80, 65, 65, 75, 105, 130, 120, 95, 75, 50, 25],
        [10, 5, 3, 2, 3, 8, 30, 75, 135, 160, 140, 110, 95, 80, 65, 65, 75, 105, 130, 120, 95, 75, 50, 25],
        [94, 94, 96, 98, 104, 112, 112, 108, 100, 96, 94, 94]);

    public static Shape Gas { get; } = new(
        [20, 18, 16, 16, 30, 90, 150, 140, 100, 75, 65, 62, 62, 60, 62, 72, 100, 130, 140, 130, 115, 90, 50, 25],
        [22, 18, 16, 16, 20, 45, 90, 130, 135, 120, 100, 90, 85, 82, 82, 88, 110, 130, 138, 130, 115, 95, 60, 30],
        [22, 18, 16, 16, 20, 45, 90, 130, 135, 120, 100, 90, 85, 82, 82, 88, 110, 130, 138, 130, 115, 95, 60, 30],
        [210, 185, 150, 95, 45, 18, 14, 15, 35, 90, 150, 200]);

    public static Shape Constant { get; } = new(Flat, Flat, Flat, EvenYear);

    /// <summary>For each month: minutes from noon to sunset, and the share of the panels' rating at a clear noon, in thousandths (about 52° north).</summary>
    public static (long HalfDay, long Best)[] Sun { get; } =
    [
        (245, 270), (295, 420), (355, 590), (415, 730), (470, 800), (500, 820),
        (485, 810), (435, 760), (375, 650), (315, 470), (260, 300), (230, 220),
    ];
}
