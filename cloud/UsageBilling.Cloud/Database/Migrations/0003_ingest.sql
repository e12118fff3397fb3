-- Position of a stream, changed only under this row's lock. Batches that were committed ahead of a hole wait in ahead_*:
-- an entry covers [ahead_from, ahead_sequence] (more than one sequence for a gap record), follows ahead_previous (empty: not checked) and leaves ahead_hash.
CREATE TABLE stream (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  opened_at timestamptz NOT NULL,
  committed_through bigint NOT NULL DEFAULT 0,
  last_hash bytea NOT NULL DEFAULT '',
  last_received_at timestamptz,
  ahead_from bigint[] NOT NULL DEFAULT '{}',
  ahead_sequence bigint[] NOT NULL DEFAULT '{}',
  ahead_previous bytea[] NOT NULL DEFAULT '{}',
  ahead_hash bytea[] NOT NULL DEFAULT '{}',
  hole_since timestamptz,
  closed_at timestamptz,
  closed_reason text,
  PRIMARY KEY (gateway, stream),
  CHECK ((closed_at IS NULL) = (closed_reason IS NULL)),
  CHECK ((hole_since IS NULL) = (cardinality(ahead_sequence) = 0)),
  CHECK (cardinality(ahead_from) = cardinality(ahead_sequence)
     AND cardinality(ahead_previous) = cardinality(ahead_sequence)
     AND cardinality(ahead_hash) = cardinality(ahead_sequence))
) WITH (fillfactor = 50);
CREATE INDEX stream_hole ON stream (hole_since) WHERE hole_since IS NOT NULL;

-- Beside stream and not in it, so that a projection under its lock never holds up a commit.
CREATE TABLE stream_projection (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  projected_through bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (gateway, stream)
) WITH (fillfactor = 50);

-- The journal: every batch as it was received. kind: 0 readings, 1 gap, 2 unreadable. Its key says what a row is; that a sequence is taken once is
-- decided under the stream's lock, because the month of receipt must be part of the key.
CREATE TABLE reading_batch (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  received_at timestamptz NOT NULL,
  kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 2),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  previous_hash bytea NOT NULL,
  chain_hash bytea NOT NULL, -- what the next batch names as its previous hash: hash, or for a gap what the gap says
  key_id text NOT NULL,
  signature bytea NOT NULL,
  body bytea NOT NULL,
  reading_count int NOT NULL,
  first_at timestamptz,
  last_at timestamptz,
  register_ids uuid[] NOT NULL,
  PRIMARY KEY (gateway, stream, sequence, hash, received_at)
) PARTITION BY RANGE (received_at);

-- Batches that were journalled ahead of a hole and then turned out not to follow their predecessor: evidence, never projected.
CREATE TABLE batch_set_aside (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  sequence bigint NOT NULL,
  chain_hash bytea NOT NULL,
  set_aside_at timestamptz NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (gateway, stream, sequence, chain_hash)
);

-- Where the chain starts after old partitions were dropped.
CREATE TABLE stream_anchor (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  sequence bigint NOT NULL,
  hash bytea NOT NULL,
  anchored_at timestamptz NOT NULL,
  PRIMARY KEY (gateway, stream, sequence)
);

-- What is in the journal but could not be taken, and why. register is manufacturer/serial/obis, empty for a batch as a whole.
CREATE TABLE parked (
  gateway text NOT NULL,
  stream uuid NOT NULL,
  sequence bigint NOT NULL,
  register text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  readings int NOT NULL,
  parked_at timestamptz NOT NULL,
  resolved_at timestamptz,
  PRIMARY KEY (gateway, stream, sequence, register, reason)
);
CREATE INDEX parked_open ON parked (register, reason) WHERE resolved_at IS NULL;

-- What was refused, bounded per gateway and reason; refusal_count counts all. Senders that are no gateway share the name '?'.
CREATE TABLE refused_batch (
  gateway text NOT NULL,
  reason text NOT NULL,
  hash bytea NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  times bigint NOT NULL DEFAULT 1,
  stream uuid,
  sequence bigint,
  detail text NOT NULL,
  message bytea NOT NULL,
  PRIMARY KEY (gateway, reason, hash)
);

CREATE TABLE refusal_count (
  gateway text NOT NULL,
  reason text NOT NULL,
  times bigint NOT NULL,
  last_at timestamptz NOT NULL,
  last_detail text NOT NULL,
  PRIMARY KEY (gateway, reason)
);

GRANT SELECT, INSERT, UPDATE ON stream, stream_projection, parked, refused_batch, refusal_count TO usage_service;
GRANT SELECT, INSERT ON reading_batch, batch_set_aside, stream_anchor TO usage_service;
