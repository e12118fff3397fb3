-- How far back data is kept. One row. Citus: a single-shard table; delivered_parked by channel_id.
CREATE TABLE retention (
  only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Whole years kept before the current one.
  years_kept        smallint NOT NULL CHECK (years_kept BETWEEN 1 AND 100),
  -- First UTC day that is kept; 1 January.
  floor_day         date NOT NULL CHECK (floor_day = date_trunc('year', floor_day::timestamp)::date),
  -- The highest floor below which data was dropped; null: never.
  dropped_before    date
);
INSERT INTO retention (years_kept, floor_day) VALUES (6, make_date(extract(year FROM now())::integer - 6, 1, 1));

-- Delivered days older than what is kept; they become delivered_day rows when the floor moves below them.
CREATE TABLE delivered_parked (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  import_id         uuid NOT NULL,
  stated_at         timestamptz NOT NULL,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  interval_minutes  smallint NOT NULL,
  quantities        bytea NOT NULL,
  qualities         bytea NOT NULL,
  delivered_at      timestamptz NOT NULL,
  kind              smallint NOT NULL,
  meter             text NOT NULL,
  PRIMARY KEY (channel_id, day, import_id, stated_at, hash, kind, meter)
);

-- Asked to be projected again, because what they were parked for may have gone.
ALTER TABLE parked ADD COLUMN retry boolean NOT NULL DEFAULT false;
CREATE INDEX parked_retry ON parked (gateway, stream, sequence) WHERE retry;

GRANT SELECT, UPDATE (years_kept) ON retention TO usage_service;
GRANT SELECT, INSERT, DELETE ON delivered_parked TO usage_service;

-- Moves the floor: up, it drops what lies below, the journal's months with their anchors included; down, it makes room again. Returns partitions dropped.
-- A batch may be received a day before its newest reading; a month more of the journal is kept than that, so that the journal explains every day kept.
CREATE FUNCTION move_retention_floor(new_floor date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  part record;
  old_floor date;
  dropped integer := 0;
BEGIN
  IF new_floor IS NULL OR new_floor <> date_trunc('year', new_floor::timestamp)::date THEN
    RAISE EXCEPTION 'the retention floor is a 1 January, not %', new_floor;
  END IF;
  IF new_floor > make_date(extract(year FROM now() AT TIME ZONE 'UTC')::integer - 1, 1, 1) THEN
    RAISE EXCEPTION 'the year before this one is always kept; % is too late', new_floor;
  END IF;
  -- Whoever projects or delivers holds this lock shared while it relies on the floor.
  PERFORM pg_advisory_xact_lock(hashtext('usage retention floor'));
  SELECT floor_day INTO old_floor FROM retention;
  PERFORM metering_make_partitions(extract(year FROM new_floor)::integer, extract(year FROM now() AT TIME ZONE 'UTC')::integer + 1);
  IF new_floor > old_floor THEN
    FOR part IN
      SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent IN ('public.register_day'::regclass, 'public.interval_day'::regclass, 'public.interval_day_history'::regclass, 'public.delivered_day'::regclass)
        AND c.relname ~ '_[0-9]{4}$' AND right(c.relname, 4)::integer < extract(year FROM new_floor)
      ORDER BY 1
    LOOP
      EXECUTE format('DROP TABLE public.%I', part.relname);
      dropped := dropped + 1;
    END LOOP;
    dropped := dropped + drop_reading_batch_months((new_floor - interval '1 month')::date);
    DELETE FROM register_read WHERE at < new_floor::timestamp AT TIME ZONE 'UTC';
    DELETE FROM register_correction WHERE at < new_floor::timestamp AT TIME ZONE 'UTC';
    DELETE FROM register_clock WHERE day < new_floor;
    DELETE FROM register_other_meter WHERE at < new_floor::timestamp AT TIME ZONE 'UTC';
    DELETE FROM usage_event WHERE event_at < new_floor::timestamp AT TIME ZONE 'UTC';
    DELETE FROM usage_total WHERE to_at <= new_floor::timestamp AT TIME ZONE 'UTC';
    DELETE FROM interval_override WHERE day < new_floor;
    DELETE FROM interval_day_due WHERE day < new_floor;
    UPDATE retention SET dropped_before = greatest(dropped_before, new_floor);
  END IF;
  UPDATE retention SET floor_day = new_floor;
  RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION move_retention_floor(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION move_retention_floor(date) TO usage_service;
