-- What carries the same as a channel: its check meter, or another channel. Days are local days of the channel's point; ended, never deleted. Citus: a reference table.
CREATE TABLE channel_alternate (
  channel_id        uuid NOT NULL,
  alternate_id      uuid NOT NULL CHECK (alternate_id <> channel_id),
  kind              text NOT NULL CHECK (kind IN ('check', 'alternate')),
  from_day          date NOT NULL,
  to_day            date CHECK (to_day > from_day),
  actor             text NOT NULL,
  registered_at     timestamptz NOT NULL,
  PRIMARY KEY (channel_id, kind, from_day),
  EXCLUDE USING gist (channel_id WITH =, kind WITH =, daterange(from_day, to_day) WITH &&)
);
GRANT SELECT, INSERT, UPDATE ON channel_alternate TO usage_service;

-- Registers that count parts of a meter's total by time of use: they feed no channel. Citus: a reference table.
CREATE TABLE time_of_use_register (
  register_id       uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz CHECK (to_at > from_at),
  total_id          uuid NOT NULL CHECK (total_id <> register_id),
  start_register    bigint CHECK (start_register >= 0),
  end_register      bigint CHECK (end_register >= 0),
  digits            smallint NOT NULL CHECK (digits BETWEEN 1 AND 18),
  multiplier_num    bigint NOT NULL CHECK (multiplier_num > 0),
  multiplier_den    bigint NOT NULL CHECK (multiplier_den > 0),
  max_advance_hour  bigint CHECK (max_advance_hour > 0),
  PRIMARY KEY (register_id, from_at),
  EXCLUDE USING gist (register_id WITH =, tstzrange(from_at, to_at) WITH &&),
  CHECK (end_register IS NULL OR to_at IS NOT NULL)
);
CREATE INDEX time_of_use_register_total ON time_of_use_register (total_id);
GRANT SELECT, INSERT, UPDATE ON time_of_use_register TO usage_service;

-- Why nothing need flow at a service point over a time; ended, never deleted. Citus: a reference table.
CREATE TABLE zero_reason (
  point             text NOT NULL,
  reason            text NOT NULL CHECK (reason IN ('seasonal-supply', 'outage', 'disconnection')),
  from_at           timestamptz NOT NULL,
  to_at             timestamptz CHECK (to_at > from_at),
  note              text NOT NULL CHECK (note <> ''),
  added_by          text NOT NULL,
  added_at          timestamptz NOT NULL,
  changed_by        text,
  changed_at        timestamptz,
  PRIMARY KEY (point, reason, from_at)
);
GRANT SELECT, INSERT, UPDATE ON zero_reason TO usage_service;

-- Days to which newly loaded limits are put, and how far that has come: channels in order. Citus: a single-shard table, as rule_set.
CREATE TABLE revalidation (
  rule_set          text PRIMARY KEY,
  since             date NOT NULL,
  days_planned      bigint NOT NULL,
  days_done         bigint NOT NULL,
  done_through      uuid NOT NULL,
  started_at        timestamptz NOT NULL,
  finished_at       timestamptz
);
GRANT SELECT, INSERT, UPDATE ON revalidation TO usage_service;
