using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Tests.Ingest;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Gateways;

public sealed class EnrolmentTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private readonly Enrolment enrolment = new(database.Source, TimeProvider.System);

    [Fact]
    public async Task A_token_is_good_once_for_its_gateway_alone()
    {
        var (token, _) = await enrolment.CreateTokenAsync("shop-1", Duration.FromHours(1), default);
        Assert.Equal(EnrolmentResult.TokenRefused, (await enrolment.EnrolAsync("shop-2", token, NewKey(), default)).Result);
        Assert.Equal(EnrolmentResult.TokenRefused, (await enrolment.EnrolAsync("shop-1", token + "x", NewKey(), default)).Result);
        var key = NewKey();
        var (result, keyId, password) = await enrolment.EnrolAsync("shop-1", token, key, default);
        Assert.Equal((EnrolmentResult.Enrolled, BatchSignature.KeyId(key)), (result, keyId));
        Assert.True(await new GatewayPasswords(database.Source).VerifyAsync("shop-1", password, default));
        Assert.Equal(EnrolmentResult.TokenRefused, (await enrolment.EnrolAsync("shop-1", token, NewKey(), default)).Result);
    }

    [Fact]
    public async Task Of_many_who_spend_one_token_at_once_one_succeeds()
    {
        var (token, _) = await enrolment.CreateTokenAsync("race", Duration.FromHours(1), default);
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => enrolment.EnrolAsync("race", token, NewKey(), default)));
        Assert.Single(results, r => r.Result == EnrolmentResult.Enrolled);
    }

    [Fact]
    public async Task A_token_expires()
    {
        var (token, _) = await enrolment.CreateTokenAsync("late", Duration.Zero, default);
        Assert.Equal(EnrolmentResult.TokenRefused, (await enrolment.EnrolAsync("late", token, NewKey(), default)).Result);
    }

    [Fact]
    public async Task A_key_of_another_curve_is_refused_and_the_token_is_not_spent()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var (token, _) = await enrolment.CreateTokenAsync("curve", Duration.FromHours(1), default);
        Assert.Equal(EnrolmentResult.KeyRefused, (await enrolment.EnrolAsync("curve", token, other.ExportSubjectPublicKeyInfo(), default)).Result);
        Assert.Equal(EnrolmentResult.KeyRefused, (await enrolment.EnrolAsync("curve", token, [1, 2, 3], default)).Result);
        Assert.Equal(EnrolmentResult.Enrolled, (await enrolment.EnrolAsync("curve", token, NewKey(), default)).Result);
    }

    [Fact]
    public async Task A_closed_key_stays_closed()
    {
        var first = NewKey();
        var tokens = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            tokens.Add((await enrolment.CreateTokenAsync("again", Duration.FromHours(1), default)).Token);
        }

        await enrolment.EnrolAsync("again", tokens[0], first, default);
        await enrolment.EnrolAsync("again", tokens[1], NewKey(), default);
        Assert.Equal(EnrolmentResult.KeyClosed, (await enrolment.EnrolAsync("again", tokens[2], first, default)).Result);
    }

    [Fact]
    public async Task The_token_itself_is_nowhere_in_the_database_and_keys_cannot_be_changed()
    {
        var (token, _) = await enrolment.CreateTokenAsync("secret", Duration.FromHours(1), default);
        await using var search = database.Source.CreateCommand("SELECT count(*) FROM enrolment_token t WHERE t::text LIKE '%' || $1 || '%' OR token_hash = convert_to($1, 'UTF8')");
        search.Parameters.Add(new() { Value = token });
        Assert.Equal(0L, await search.ExecuteScalarAsync());
        await using var change = database.Source.CreateCommand("UPDATE gateway_key SET public_key = ''");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => change.ExecuteNonQueryAsync())).SqlState);
    }

    [Fact]
    public async Task A_gateway_enrols_over_http_and_is_told_its_way_to_the_broker()
    {
        await using var cloud = await RunningCloud.StartAsync(database);
        using var http = new HttpClient { BaseAddress = cloud.Address };
        var (token, _) = await enrolment.CreateTokenAsync("over-http", Duration.FromHours(1), default);
        var request = new EnrolRequest(token, Convert.ToBase64String(NewKey()));
        using var answer = await http.PostAsJsonAsync("/api/v1/gateways/over-http/enroll", request);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var access = (await answer.Content.ReadFromJsonAsync<EnrolResponse>())!.Mqtt;
        Assert.Equal(("127.0.0.1", cloud.MqttPort, false, "over-http"), (access.Host, access.Port, access.Tls, access.Username));
        Assert.True(await new GatewayPasswords(database.Source).VerifyAsync("over-http", access.Password, default));

        using var again = await http.PostAsJsonAsync("/api/v1/gateways/over-http/enroll", request);
        Assert.Equal(HttpStatusCode.Forbidden, again.StatusCode);
        using var nonsense = await http.PostAsJsonAsync("/api/v1/gateways/over-http/enroll", new EnrolRequest("t", "not base64!"));
        Assert.Equal(HttpStatusCode.BadRequest, nonsense.StatusCode);
    }

    [Fact]
    public void Password_hashes_are_those_of_Mosquitto()
    {
        // Made by Debian's mosquitto_passwd 2.0.11 for the password "secret".
        Assert.True(GatewayPasswords.Matches("secret", Known));
        Assert.False(GatewayPasswords.Matches("Secret", Known));
        Assert.True(GatewayPasswords.Matches("pass word", GatewayPasswords.Hash("pass word")));
    }

    private const string Known = "$7$101$rXTeVxSU8Q/Ay9+X$ovbYDUjGRc9m5hR+AfUF4ItBL0e9QsIcSf8U9JKQrhtrMjqAVOxXEU/TmG1Cbn7gIKYA6T2cs2BCcsQQTT2wrA==";

    private static byte[] NewKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportSubjectPublicKeyInfo();
    }
}
