-- Where a channel's quantities come from, and the evidence of those that no register counted.
-- Citus: delivered_*, usage_total and interval_day_due by channel_id, with channel.

-- 1 registers, 2 deliveries (files and other systems), 3 events, 4 virtual (a formula over other channels). Fixed when the channel is made.
ALTER TABLE channel ADD COLUMN feed smallint NOT NULL DEFAULT 1 CHECK (feed BETWEEN 1 AND 4);
-- Set, and never taken back, by the first virtual channel that reads this one.
ALTER TABLE channel ADD COLUMN has_dependants boolean NOT NULL DEFAULT false;

-- A statement about one UTC day as delivered, insert-only; slots without quality were not delivered. The day's intervals are a merge of all its rows.
CREATE TABLE delivered_day (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  import_id         uuid NOT NULL,
  stated_at         timestamptz NOT NULL,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  interval_minutes  smallint NOT NULL CHECK (interval_minutes IN (5, 10, 15, 30, 60)),
  quantities        bytea NOT NULL CHECK (octet_length(quantities) IN (4 * 1440 / interval_minutes, 8 * 1440 / interval_minutes)),
  qualities         bytea NOT NULL CHECK (octet_length(qualities) IN (0, 1440 / interval_minutes)),
  delivered_at      timestamptz NOT NULL,
  -- 1 values dated by their receipt, 2 values dated by their source (a version), 3 a version's slots without a value: those that are not missing here.
  kind              smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
  -- The meter's serial in the source's words, or empty: a withdrawal speaks of its own meter.
  meter             text NOT NULL,
  PRIMARY KEY (channel_id, day, import_id, stated_at, hash, kind, meter)
) PARTITION BY RANGE (day);

-- A quantity over a span longer than an interval may be: accumulated reads, daily and monthly figures. Insert-only.
DROP TABLE usage_total;
CREATE TABLE usage_total (
  channel_id        uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz NOT NULL CHECK (to_at > from_at),
  quantity          bigint NOT NULL,
  -- 0: a version that takes earlier totals of the same span back.
  quality           smallint NOT NULL CHECK (quality BETWEEN 0 AND 4),
  import_id         uuid NOT NULL,
  stated_at         timestamptz NOT NULL,
  delivered_at      timestamptz NOT NULL,
  versioned         boolean NOT NULL CHECK (versioned OR quality > 0),
  PRIMARY KEY (channel_id, from_at, to_at, import_id, stated_at, quantity, quality)
);
ALTER TABLE usage_total ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

-- Worklists of days that have ended and whose intervals changed: whoever takes a row deletes it in the transaction that acts on it.
-- Rows are written and taken under the channel's row lock.
CREATE TABLE interval_day_due (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  purpose           text NOT NULL CHECK (purpose IN ('validate', 'virtual')),
  due_since         timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day, purpose)
);
CREATE INDEX interval_day_due_age ON interval_day_due (purpose, due_since);
ALTER TABLE interval_day_due ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

GRANT SELECT, INSERT ON delivered_day, usage_total TO usage_service;
GRANT SELECT, INSERT, DELETE ON interval_day_due TO usage_service;

CREATE OR REPLACE FUNCTION metering_make_partitions(from_year integer, to_year integer) RETURNS integer
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
                 + metering_make_partition('interval_day_history', wanted)
                 + metering_make_partition('delivered_day', wanted);
  END LOOP;
  RETURN made;
END $$;

SELECT metering_make_partitions(extract(year FROM now())::integer - 6, extract(year FROM now())::integer + 1);
