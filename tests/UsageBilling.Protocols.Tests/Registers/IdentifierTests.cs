namespace UsageBilling.Protocols.Tests.Registers;

public sealed class IdentifierTests
{
    [Fact]
    public void Version_5_agrees_with_the_example_of_RFC_9562() =>
        Assert.Equal(
            new Guid("2ed6657d-e927-568b-95e1-2665a8aea6a2"),
            NameBasedGuid.Create(new Guid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "www.example.com"));

    [Fact]
    public void A_register_keeps_its_id_for_ever() =>
        Assert.Equal("12fe3409-9f2a-5f5c-8bc2-93f18cb98a97", new RegisterKey("eastron", "21340117", ObisCode.ActiveImport).Id.ToString());

    [Fact]
    public void Register_and_channel_of_the_same_text_have_different_ids() =>
        Assert.NotEqual(
            NameBasedGuid.Create(NameBasedGuid.Registers, "a/b/1-0:1.8.0"),
            NameBasedGuid.Create(NameBasedGuid.Channels, "a/b/1-0:1.8.0"));

    [Fact]
    public void A_register_key_comes_back_as_it_was_written()
    {
        Assert.True(RegisterKey.TryParse("abb/60418873/1-0:2.8.0", out var key));
        Assert.Equal(new RegisterKey("abb", "60418873", ObisCode.ActiveExport), key);
        Assert.Equal("abb/60418873/1-0:2.8.0", key.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("abb/60418873")]
    [InlineData("abb/60418873/1-0:2.8.0/x")]
    [InlineData("abb//1-0:2.8.0")]
    [InlineData("abb/../1-0:2.8.0")]
    [InlineData("abb/6041/power")]
    public void Anything_else_is_no_register_key(string? text) => Assert.False(RegisterKey.TryParse(text, out _));

    [Fact]
    public void Serial_numbers_that_differ_in_case_are_two_registers() =>
        Assert.NotEqual(new RegisterKey("abb", "A1", ObisCode.ActiveImport).Id, new RegisterKey("abb", "a1", ObisCode.ActiveImport).Id);

    [Theory]
    [InlineData("kWh", "KWH")]
    [InlineData("kW", "KWT")]
    [InlineData("m³", "MTQ")]
    [InlineData("day", "DAY")]
    [InlineData("GB", "E34")]
    public void Units_carry_the_code_that_invoices_must_use(string symbol, string code) => Assert.Equal(code, Unit.Find(symbol)!.Code);

    [Fact]
    public void Every_quantity_has_a_base_unit() => Assert.All(Enum.GetValues<Quantity>(), q => Assert.NotNull(Unit.BaseOf(q)));
}
