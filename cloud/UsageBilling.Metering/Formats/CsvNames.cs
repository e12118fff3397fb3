using System.Collections.Frozen;
using System.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>What column names mean, as portals of utilities write them. Names are compared without case, accents and signs.</summary>
internal static class CsvNames
{
    public static readonly FrozenSet<string> Start = Set("""
        start from from_utc interval_start period_start timestamp timestamp_utc time datetime date_time date start_time start_date start_datetime start_date_time starttime startdate start_utc
        interval_start_time interval_start_date_time usage_start_time usage_date reading_date reading_time read_date read_time from_date from_time time_from date_from local_time day tstp
        von beginn begin datum datum_zeit datum_uhrzeit datum_von zeit zeit_von uhrzeit uhrzeit_von zeitstempel zeitpunkt messzeitpunkt tag horodate debut date_debut date_de_debut heure jour
        fra fra_dato dato tid tidspunkt alkuaika tijd fecha hora
        """);

    public static readonly FrozenSet<string> End = Set("""
        end to to_utc interval_end period_end end_time end_date end_datetime end_date_time endtime enddate end_utc interval_end_time interval_end_date_time usage_end_time read_date_and_end_time to_date to_time time_to date_to
        bis ende datum_bis zeit_bis uhrzeit_bis fin date_fin date_de_fin til til_dato paattymisaika
        """);

    public static readonly FrozenSet<string> Point = Set("""
        point service_point usage_point metering_point metering_point_id meter meter_id meter_number meter_no mpan mprn mpxn nmi esiid esi_id ean prm identifiant_prm pdl cups lclid
        malepunktsid malepunkt_id zahlpunkt zahlpunktnummer zahlpunktbezeichnung zaehlpunkt messlokation marktlokation melo malo mittauspisteen_tunnus
        """);

    public static readonly FrozenSet<string> Kind = Set("""
        type category consumption_category channel_type direction flow flow_direction kind data_type measurement_type energy_type consumption_surplusgeneration service service_type commodity
        register suffix nmi_suffix read_type obis obis_code obiscode obis_kennzahl obis_kennziffer kennzahl art richtung tuotteen_tyyppi
        """);

    public static readonly FrozenSet<string> Unit = Set("unit units uom unit_of_measure einheit unite maleenhed enhed eenheid yksikkotyyppi");

    public static readonly FrozenSet<string> Quality = Set("quality status estimated_actual read_type reading_quality qualitat qualitt kvalitet laatu qualite");

    public static readonly FrozenSet<string> Minutes = Set("minutes duration duration_minutes interval_minutes interval_length resolution resoluutio");

    private static readonly FrozenSet<string> Values = Set("""
        value quantity usage consumption energy reading import export generation generated delivered received surplus injection injected production energyconsumption electricity
        verbrauch wert menge energie bezug einspeisung lieferung valeur consommation mngde maengde forbrug maara verbruik levering teruglevering consumo produktion net
        """);

    private static readonly FrozenSet<string> Others = Set("""
        cost price amount charge charges tax tariff rate temperature quality status type unit units co2 carbon kosten pris prix betrag date time index count number code period
        """);

    /// <summary>A name in small ASCII letters, its words joined by '_', and what stood in brackets.</summary>
    public static (string Name, string Bracket) Plain(string written)
    {
        var open = written.IndexOfAny(['(', '[']);
        var bracket = open < 0 ? string.Empty : written[(open + 1)..].TrimEnd(')', ']', ' ');
        return (Words(open < 0 ? written : written[..open]), Words(bracket));
    }

    /// <summary>The words of a text, joined by '_'.</summary>
    public static string Words(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (char.IsAsciiLetterOrDigit(c))
            {
                plain.Append(char.ToLowerInvariant(c));
            }
            else if (!char.IsAscii(c))
            {
                plain.Append(WithoutAccent(c));
            }
            else if (plain.Length > 0 && plain[^1] != '_')
            {
                plain.Append('_');
            }
        }

        return plain.ToString().Trim('_');
    }

    // Letters of the languages above; what is none, or was broken by a wrong encoding, is left out.
    private static string WithoutAccent(char c) => char.ToLowerInvariant(c) switch
    {
        'å' or 'ä' or 'á' or 'à' or 'â' or 'ã' => "a",
        'ö' or 'ó' or 'ò' or 'ô' or 'õ' or 'ø' => "o",
        'ü' or 'ú' or 'ù' or 'û' => "u",
        'é' or 'è' or 'ê' or 'ë' => "e",
        'í' or 'ì' or 'î' or 'ï' => "i",
        'æ' => "ae",
        'ç' => "c",
        'ñ' => "n",
        'ß' => "ss",
        '³' => "3",
        _ => string.Empty,
    };

    /// <summary>What is metered by m³, by any word of a name.</summary>
    public static Quantity? VolumeOf(string name) =>
        name.Contains("gas", StringComparison.Ordinal) ? Quantity.GasVolume : name.Contains("water", StringComparison.Ordinal) || name.Contains("wasser", StringComparison.Ordinal) ? Quantity.WaterVolume : null;

    /// <summary>True where a name without a unit speaks of a quantity.</summary>
    public static bool IsValue(string name) => name.Split('_').Any(Values.Contains) && !IsOther(name);

    /// <summary>True where a name speaks of money, weather, times and the like, whatever its unit.</summary>
    public static bool IsOther(string name) => name.Split('_').Any(Others.Contains);

    /// <summary>True where a name speaks of readings of a register, and not of their dates, states and the like.</summary>
    public static bool IsReading(string name) => (CsvRegister.IsCertain(name) || CsvRegister.IsLikely(name)) && !name.Split('_').Any(w => w != "index" && Others.Contains(w));

    /// <summary>The unit that a name ends in, or that stands in its brackets, as it is usually spelled; null where it has none.</summary>
    public static string? UnitOf(string name, string bracket)
    {
        // kWh/hh is energy; p/kWh and g/kWh are not.
        var inside = bracket.StartsWith("in_", StringComparison.Ordinal) ? bracket[3..] : bracket;
        // (A+) kWh is no current.
        var words = inside.Split('_');
        return Spelled(words.Length > 1 && words[0].Length == 1 && Spelled(words[1], inBrackets: true) is not null ? words[1] : words[0], inBrackets: true)
            ?? Spelled(inside.Replace("_", string.Empty, StringComparison.Ordinal), inBrackets: true)
            ?? (name.Split('_').Contains("per") ? null : Spelled(name[(name.LastIndexOf('_') + 1)..], inBrackets: false));
    }

    /// <summary>A unit as it is usually spelled; null where the word is none.</summary>
    public static string? Spelled(string word, bool inBrackets) => word.ToLowerInvariant() switch
    {
        "wh" => "Wh",
        "kwh" or "kilowatthour" or "kilowatthours" or "realenergyinkilowatthours" => "kWh",
        "mwh" => "MWh",
        "varh" => "varh",
        "kvarh" => "kvarh",
        "mvarh" => "Mvarh",
        "vah" => "VAh",
        "kvah" => "kVAh",
        "mvah" => "MVAh",
        "m3" or "cbm" => "m³",
        "therm" or "therms" => "therm",
        "ccf" => "ccf",
        "mcf" => "mcf",
        "ft3" or "cf" => "ft³",
        "gal" or "gallon" or "gallons" => "US gal",
        "kw" => "kW",
        "kva" => "kVA",
        "kvar" => "kvar",
        "gj" => "GJ",
        "mj" => "MJ",
        "btu" => "Btu",
        "w" when inBrackets => "W",
        "v" or "volt" or "volts" when inBrackets => "V",
        "a" or "amp" or "amps" when inBrackets => "A",
        "l" or "litre" or "litres" or "liter" when inBrackets => "L",
        _ => null,
    };

    private static FrozenSet<string> Set(string words) => words.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToFrozenSet();
}
