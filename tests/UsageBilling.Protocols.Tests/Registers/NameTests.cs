namespace UsageBilling.Protocols.Tests.Registers;

public sealed class NameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("gateway-1")]
    [InlineData("BY2460044A007")]
    [InlineData("-_.")]
    public void A_name_of_allowed_characters_is_valid(string name) => Assert.True(Name.IsValid(name));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("a+")]
    [InlineData("#")]
    [InlineData("a b")]
    [InlineData("größe")]
    [InlineData("a\0")]
    public void A_name_that_could_leave_its_topic_or_folder_is_not(string? name) => Assert.False(Name.IsValid(name));

    [Fact]
    public void The_longest_name_has_64_characters()
    {
        Assert.True(Name.IsValid(new string('x', 64)));
        Assert.False(Name.IsValid(new string('x', 65)));
    }

    [Fact]
    public void Requiring_a_name_says_what_is_wrong() =>
        Assert.Contains("serial 'a b'", Assert.Throws<FormatException>(() => new RegisterKey("abb", "a b", ObisCode.ActiveImport)).Message, StringComparison.Ordinal);
}
