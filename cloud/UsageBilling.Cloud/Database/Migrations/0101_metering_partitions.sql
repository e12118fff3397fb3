-- Partitions are years: few enough that a search for the neighbour of a day does not open a hundred indexes.
-- Called by the service at start and daily; made and dropped as the owner.
CREATE FUNCTION metering_make_partitions(from_year integer, to_year integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  made integer := 0;
BEGIN
  IF from_year < 1900 OR to_year > 2200 OR to_year < from_year THEN
    RAISE EXCEPTION 'partitions from % to % make no sense', from_year, to_year;
  END IF;
  FOR wanted IN from_year .. to_year LOOP
    made := made + metering_make_partition('register_day', wanted)
                 + metering_make_partition('interval_day', wanted)
                 + metering_make_partition('interval_day_history', wanted);
  END LOOP;
  RETURN made;
END $$;

CREATE FUNCTION metering_make_partition(parent text, wanted integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF to_regclass(format('public.%I', parent || '_' || wanted)) IS NOT NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
    parent || '_' || wanted, parent, make_date(wanted, 1, 1), make_date(wanted + 1, 1, 1));
  RETURN 1;
EXCEPTION
  WHEN duplicate_table THEN RETURN 0; -- another instance was faster
END $$;

REVOKE ALL ON FUNCTION metering_make_partitions(integer, integer), metering_make_partition(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering_make_partitions(integer, integer) TO usage_service;

SELECT metering_make_partitions(extract(year FROM now())::integer - 6, extract(year FROM now())::integer + 1);

-- For people with SQL tools: blocks as rows. The packing is described in UsageBilling.Metering.
CREATE FUNCTION unpack_integers(packed bytea, width integer) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(CASE width
      WHEN 4 THEN ('x' || encode(substring(packed FROM 4 * slot + 1 FOR 4), 'hex'))::bit(32)::integer::bigint
      ELSE ('x' || encode(substring(packed FROM 8 * slot + 1 FOR 8), 'hex'))::bit(64)::bigint END ORDER BY slot)
  FROM generate_series(0, octet_length(packed) / width - 1) AS slot
$$;

CREATE FUNCTION interval_rows(channel uuid, from_day date, to_day date)
RETURNS TABLE (starts_at timestamptz, interval_minutes integer, quantity bigint, quality text, version integer)
LANGUAGE sql STABLE STRICT AS $$
  SELECT d.day::timestamp AT TIME ZONE 'UTC' + (u.slot - 1) * make_interval(mins => d.interval_minutes),
         d.interval_minutes::integer,
         u.quantity,
         CASE WHEN octet_length(d.qualities) = 0 THEN 'measured'
              ELSE (ARRAY['missing', 'estimated', 'edited', 'interpolated', 'measured'])[get_byte(d.qualities, u.slot::integer - 1) + 1] END,
         d.version
  FROM interval_day AS d,
       LATERAL unnest(unpack_integers(d.quantities, octet_length(d.quantities) * d.interval_minutes / 1440)) WITH ORDINALITY AS u (quantity, slot)
  WHERE d.channel_id = channel AND d.day >= from_day AND d.day < to_day
  ORDER BY d.day, u.slot
$$;

CREATE FUNCTION register_rows(register uuid, from_day date, to_day date)
RETURNS TABLE (at timestamptz, value bigint, scale integer, quality integer, conflict boolean)
LANGUAGE sql STABLE STRICT AS $$
  SELECT d.day::timestamp AT TIME ZONE 'UTC' + (u.slot - 1) * make_interval(mins => d.interval_minutes),
         u.value,
         d.scale::integer,
         get_byte(d.qualities, u.slot::integer - 1) & 63,
         get_byte(d.qualities, u.slot::integer - 1) & 64 <> 0
  FROM register_day AS d,
       LATERAL unnest(unpack_integers(d.slot_values, 8)) WITH ORDINALITY AS u (value, slot)
  WHERE d.register_id = register AND d.day >= from_day AND d.day < to_day AND get_byte(d.qualities, u.slot::integer - 1) & 128 <> 0
  ORDER BY d.day, u.slot
$$;
