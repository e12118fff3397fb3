namespace UsageBilling.Protocols.Tests.Registers;

public sealed class ObisCodeTests
{
    [Theory]
    [InlineData("1-0:1.8.0", Quantity.ActiveEnergy, Direction.Import)]
    [InlineData("1-0:2.8.0", Quantity.ActiveEnergy, Direction.Export)]
    [InlineData("1-0:3.8.0", Quantity.ReactiveEnergy, Direction.Import)]
    [InlineData("1-0:4.8.0", Quantity.ReactiveEnergy, Direction.Export)]
    [InlineData("7-0:3.0.0", Quantity.GasVolume, Direction.Import)]
    [InlineData("8-0:1.0.0", Quantity.WaterVolume, Direction.Import)]
    [InlineData("6-0:1.0.0", Quantity.HeatEnergy, Direction.Import)]
    public void Codes_of_billed_registers_say_what_they_measure(string text, Quantity quantity, Direction direction) =>
        Assert.Equal(new Measurand(quantity, direction), ObisCode.Parse(text).Measurand);

    [Theory]
    [InlineData("1-0:1.8.0")]
    [InlineData("0-0:0.0.0")]
    [InlineData("255-255:255.255.255")]
    public void A_code_comes_back_as_it_was_written(string text) => Assert.Equal(text, ObisCode.Parse(text).ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1.8.0")]
    [InlineData("1-0:1.8")]
    [InlineData("1-0:1.8.0.255")]
    [InlineData("1-0:1.8.256")]
    [InlineData("1-0:1.8.-1")]
    [InlineData("1-0:1..0")]
    [InlineData(" 1-0:1.8.0")]
    [InlineData("1-0:1.8.0 ")]
    [InlineData("1-0:1,8,0")]
    [InlineData("1-0:1.8.+1")]
    public void Anything_else_is_no_code(string? text) => Assert.False(ObisCode.TryParse(text, out _));

    [Fact]
    public void A_code_nobody_bills_measures_nothing() => Assert.Null(ObisCode.Parse("1-0:32.7.0").Measurand);
}
