-- Files of meter data: each kept as it came, with what came of it.
-- Citus: import_file and import_chunk distributed by import_id, import_method by channel_id.

-- The id is made from the file's hash and how it was read, so that the same file is the same import.
CREATE TABLE import_file (
  import_id         uuid PRIMARY KEY,
  file_name         text NOT NULL,
  format            text NOT NULL CHECK (format IN ('nem12', 'nem13', 'greenbutton', 'csv')),
  options           jsonb NOT NULL,
  sha256            bytea NOT NULL CHECK (octet_length(sha256) = 32),
  bytes             bigint NOT NULL CHECK (bytes >= 0),
  actor             text NOT NULL,
  received_at       timestamptz NOT NULL,
  -- rejected: nothing of it was taken. delivering: checked as a whole, and on its way into the channels; whoever finds it so goes on.
  state             text NOT NULL CHECK (state IN ('rejected', 'delivering', 'done')),
  report            jsonb NOT NULL,
  problems          integer NOT NULL CHECK (problems >= 0),
  days_delivered    bigint NOT NULL DEFAULT 0,
  days_added        bigint NOT NULL DEFAULT 0,
  days_parked       bigint NOT NULL DEFAULT 0,
  touched_at        timestamptz NOT NULL,
  finished_at       timestamptz CHECK (finished_at IS NULL OR state <> 'delivering')
);
CREATE INDEX import_file_received ON import_file (received_at);

-- The file's bytes, in pieces.
CREATE TABLE import_chunk (
  import_id         uuid NOT NULL,
  number            integer NOT NULL CHECK (number >= 0),
  bytes             bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 1048576),
  PRIMARY KEY (import_id, number)
);
ALTER TABLE import_chunk ADD FOREIGN KEY (import_id) REFERENCES import_file (import_id);

-- How delivered values were substituted or estimated, in the source's own words (F14): intervals have no room for it, and an export has to say it again.
CREATE TABLE import_method (
  channel_id        uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz NOT NULL CHECK (to_at > from_at),
  import_id         uuid NOT NULL,
  stated_at         timestamptz NOT NULL,
  quality           smallint NOT NULL CHECK (quality BETWEEN 1 AND 4),
  method            text NOT NULL,
  reason            text,
  PRIMARY KEY (channel_id, from_at, to_at, import_id, stated_at)
);

GRANT SELECT, INSERT ON import_method TO usage_service;
GRANT SELECT, INSERT, UPDATE ON import_file TO usage_service;
GRANT SELECT, INSERT ON import_chunk TO usage_service;
