-- Price and factor series that tariffs name (day-ahead prices, calorific values). A load never changes; a correction is a later load, and a bill names the load that it was
-- rated by. Citus: reference tables.

CREATE TABLE price_series (
  series            text PRIMARY KEY CHECK (series ~ '^[A-Za-z0-9._-]{1,64}$'),
  last_load         integer NOT NULL CHECK (last_load >= 0)
);

-- covers_until: earlier values that begin in [from_at, covers_until) are no longer valid. holds_until: until when the load's last value holds; null: for ever.
CREATE TABLE price_series_load (
  series            text NOT NULL,
  load              integer NOT NULL CHECK (load > 0),
  from_at           timestamptz NOT NULL,
  covers_until      timestamptz NOT NULL CHECK (covers_until > from_at),
  holds_until       timestamptz,
  values_loaded     integer NOT NULL CHECK (values_loaded > 0),
  actor             text NOT NULL,
  reason            text,
  loaded_at         timestamptz NOT NULL,
  PRIMARY KEY (series, load)
);
ALTER TABLE price_series_load ADD FOREIGN KEY (series) REFERENCES price_series;

CREATE TABLE price_series_value (
  series            text NOT NULL,
  starts_at         timestamptz NOT NULL,
  load              integer NOT NULL,
  value             numeric NOT NULL,
  PRIMARY KEY (series, starts_at, load)
);
ALTER TABLE price_series_value ADD FOREIGN KEY (series, load) REFERENCES price_series_load;

GRANT SELECT, INSERT, UPDATE ON price_series TO usage_service;
GRANT SELECT, INSERT ON price_series_load, price_series_value TO usage_service;
