-- Partitions by month (UTC) of a table that the owner made; the service role may ask for them but owns nothing.
CREATE FUNCTION ensure_month_partitions(parent text, from_month date, through_month date) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  month date := pg_catalog.date_trunc('month', from_month)::date;
  part text;
  made int := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'public' AND c.relname = parent) THEN
    RAISE EXCEPTION '% is not a partitioned table of this schema', parent;
  END IF;
  IF through_month - from_month > 366 * 30 THEN
    RAISE EXCEPTION 'from % through % is more than 30 years of partitions', from_month, through_month;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('partitions of ' || parent));
  WHILE month <= through_month LOOP
    part := parent || '_' || to_char(month, 'YYYYMM');
    IF to_regclass('public.' || quote_ident(part)) IS NULL THEN
      EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
        part, parent, month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
      made := made + 1;
    END IF;
    month := (month + interval '1 month')::date;
  END LOOP;
  RETURN made;
END $$;

REVOKE ALL ON FUNCTION ensure_month_partitions(text, date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_month_partitions(text, date, date) TO usage_service;

-- Drops the journal's months before the floor; each stream's chain is anchored at the last batch that goes.
CREATE FUNCTION drop_reading_batch_months(before_month date) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  part record;
  dropped int := 0;
BEGIN
  IF before_month > (now() AT TIME ZONE 'UTC')::date - 90 THEN
    RAISE EXCEPTION 'the journal keeps at least 90 days; % is too late', before_month;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('partitions of reading_batch'));
  FOR part IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.reading_batch'::regclass AND c.relname ~ '^reading_batch_[0-9]{6}$'
      AND to_date(right(c.relname, 6), 'YYYYMM') < date_trunc('month', before_month)::date
    ORDER BY 1
  LOOP
    EXECUTE format('INSERT INTO public.stream_anchor
      SELECT DISTINCT ON (gateway, stream) gateway, stream, sequence, chain_hash, now() FROM public.%I b
      WHERE NOT EXISTS (SELECT FROM public.batch_set_aside a WHERE (a.gateway, a.stream, a.sequence, a.chain_hash) = (b.gateway, b.stream, b.sequence, b.chain_hash))
      ORDER BY gateway, stream, sequence DESC
      ON CONFLICT DO NOTHING', part.relname);
    EXECUTE format('DROP TABLE public.%I', part.relname);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION drop_reading_batch_months(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_reading_batch_months(date) TO usage_service;

SELECT ensure_month_partitions('reading_batch', (now() AT TIME ZONE 'UTC')::date, ((now() AT TIME ZONE 'UTC') + interval '3 months')::date);
