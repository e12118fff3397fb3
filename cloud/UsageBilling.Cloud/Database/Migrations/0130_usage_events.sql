-- Usage by HTTP: what event types mean, whose names they use, and where each channel of events stands. The events themselves are usage_event (0100).
-- Citus: usage_definition and usage_subject reference tables, usage_channel and usage_day_due by channel_id.

CREATE TABLE usage_definition (
  event_type        text PRIMARY KEY CHECK (event_type ~ '^[!-~]+$' AND length(event_type) <= 256),
  measure           text NOT NULL,
  aggregation       text NOT NULL CHECK (aggregation IN ('sum', 'count', 'max', 'latest')),
  value_path        text CHECK ((aggregation = 'count') = (value_path IS NULL)),
  point_path        text NOT NULL,
  unit              text NOT NULL,
  exponent          smallint NOT NULL CHECK (exponent BETWEEN -9 AND 9),
  interval_minutes  smallint NOT NULL CHECK (interval_minutes IN (5, 10, 15, 30, 60)),
  where_nothing     text NOT NULL CHECK (where_nothing IN ('zero', 'missing')),
  from_day          date NOT NULL,
  registered_at     timestamptz NOT NULL
);

-- A sender's own name of a customer. It belongs to one service point for ever, so that a resent event finds the channel that it had.
CREATE TABLE usage_subject (
  event_type        text NOT NULL,
  subject           text NOT NULL CHECK (subject <> ''),
  service_point_id  text NOT NULL,
  PRIMARY KEY (event_type, subject)
);
ALTER TABLE usage_subject ADD FOREIGN KEY (event_type) REFERENCES usage_definition;

-- A channel takes events of one type. closed_through: days until here have ended for it, and an event of them is late.
CREATE TABLE usage_channel (
  channel_id        uuid PRIMARY KEY,
  event_type        text NOT NULL,
  closed_through    date NOT NULL,
  events            bigint NOT NULL DEFAULT 0,
  late_events       bigint NOT NULL DEFAULT 0,
  duplicates        bigint NOT NULL DEFAULT 0,
  last_received_at  timestamptz
);
CREATE INDEX usage_channel_open ON usage_channel (closed_through);

-- Days whose intervals must be computed again from their events. Taken and deleted under the usage_channel row's lock, under which events are added.
CREATE TABLE usage_day_due (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  noted_at          timestamptz NOT NULL,
  error             text,
  PRIMARY KEY (channel_id, day)
);
CREATE INDEX usage_day_due_age ON usage_day_due (noted_at) WHERE error IS NULL;

-- What was refused, by what is wrong with it and who sent it: counted, with the latest example, bounded. Sources beyond those that are kept apart share one row.
-- Citus: a single-shard table.
CREATE TABLE usage_refusal (
  kind              text NOT NULL,
  source            text NOT NULL CHECK (length(source) <= 256),
  event_type        text NOT NULL CHECK (length(event_type) <= 256),
  times             bigint NOT NULL CHECK (times > 0),
  first_at          timestamptz NOT NULL,
  last_at           timestamptz NOT NULL,
  last_reason       text NOT NULL,
  last_event        text NOT NULL CHECK (octet_length(last_event) <= 8192),
  PRIMARY KEY (kind, source, event_type)
);
GRANT SELECT, INSERT, UPDATE ON usage_refusal TO usage_service;

GRANT SELECT, INSERT ON usage_definition, usage_subject TO usage_service;
GRANT SELECT, INSERT, UPDATE ON usage_channel TO usage_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_day_due TO usage_service;
