-- What validation knows beside readings: what files say of meters.
-- Citus: import_meter by channel_id, with channel.

-- What a file said of the meter behind a stretch of a channel, insert-only; empty where it says nothing.
CREATE TABLE import_meter (
  channel_id        uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz NOT NULL CHECK (to_at > from_at),
  import_id         uuid NOT NULL,
  received_at       timestamptz NOT NULL,
  serial            text NOT NULL,
  unit              text NOT NULL,
  PRIMARY KEY (channel_id, from_at, to_at, import_id, serial, unit)
);
ALTER TABLE import_meter ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

GRANT SELECT, INSERT ON import_meter TO usage_service;
