-- Metering: registers, channels, what was read and what it means in intervals. Keys are UTC; blocks are packed as the pure project packs them.
-- Citus: register* distributed by register_id, channel, interval_*, usage_* by channel_id, installation a reference table, interval_day_change a single shard.

CREATE TABLE register (
  register_id       uuid PRIMARY KEY,
  manufacturer      text NOT NULL,
  serial            text NOT NULL,
  obis              text NOT NULL,
  scale             smallint NOT NULL CHECK (scale BETWEEN -9 AND 9),
  registered_at     timestamptz NOT NULL
);

-- The sampling grid from a UTC day on; the first row of a register reaches back to the beginning.
CREATE TABLE register_interval (
  register_id       uuid NOT NULL,
  from_day          date NOT NULL,
  interval_minutes  smallint NOT NULL CHECK (interval_minutes IN (5, 10, 15, 30, 60)),
  PRIMARY KEY (register_id, from_day)
);

CREATE TABLE channel (
  channel_id        uuid PRIMARY KEY,
  point             text NOT NULL,
  quantity          smallint NOT NULL,
  direction         smallint NOT NULL CHECK (direction IN (1, 2)),
  unit              text NOT NULL,
  exponent          smallint NOT NULL CHECK (exponent BETWEEN -9 AND 9),
  zone              text NOT NULL,
  registered_at     timestamptz NOT NULL
);
CREATE INDEX channel_point ON channel (point);

CREATE TABLE installation (
  register_id       uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz CHECK (to_at > from_at),
  channel_id        uuid NOT NULL,
  start_register    bigint CHECK (start_register >= 0),
  end_register      bigint CHECK (end_register >= 0),
  digits            smallint NOT NULL CHECK (digits BETWEEN 1 AND 18),
  multiplier_num    bigint NOT NULL CHECK (multiplier_num > 0),
  multiplier_den    bigint NOT NULL CHECK (multiplier_den > 0),
  max_advance_hour  bigint CHECK (max_advance_hour > 0),
  PRIMARY KEY (register_id, from_at),
  EXCLUDE USING gist (register_id WITH =, tstzrange(from_at, to_at) WITH &&),
  EXCLUDE USING gist (channel_id WITH =, tstzrange(from_at, to_at) WITH &&),
  CHECK (end_register IS NULL OR to_at IS NOT NULL)
);
CREATE INDEX installation_channel ON installation (channel_id, from_at);

CREATE TABLE register_day (
  register_id       uuid NOT NULL,
  day               date NOT NULL,
  interval_minutes  smallint NOT NULL,
  scale             smallint NOT NULL,
  slot_values       bytea NOT NULL CHECK (octet_length(slot_values) = 8 * 1440 / interval_minutes),
  qualities         bytea NOT NULL CHECK (octet_length(qualities) = 1440 / interval_minutes),
  distances         bytea NOT NULL CHECK (octet_length(distances) IN (0, 2 * 1440 / interval_minutes)),
  PRIMARY KEY (register_id, day)
) PARTITION BY RANGE (day);

-- Everything that is read identifies the row: two gateways that report the same read leave one, whichever came first.
CREATE TABLE register_read (
  register_id       uuid NOT NULL,
  at                timestamptz NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('exchange', 'install', 'manual', 'move-in', 'imported', 'off-boundary')),
  value             bigint NOT NULL,
  quality           smallint NOT NULL,
  source            text NOT NULL,
  PRIMARY KEY (register_id, at, kind, value, quality)
);

-- Of the installation that began at installed_at.
CREATE TABLE register_segment (
  register_id       uuid NOT NULL,
  installed_at      timestamptz NOT NULL,
  from_at           timestamptz NOT NULL,
  cause             smallint NOT NULL CHECK (cause BETWEEN 1 AND 5),
  raw_start         bigint NOT NULL,
  unwrapped_base    bigint NOT NULL,
  PRIMARY KEY (register_id, installed_at, from_at)
);

CREATE TABLE interval_day (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  interval_minutes  smallint NOT NULL,
  quantities        bytea NOT NULL CHECK (octet_length(quantities) IN (4 * 1440 / interval_minutes, 8 * 1440 / interval_minutes)),
  qualities         bytea NOT NULL CHECK (octet_length(qualities) IN (0, 1440 / interval_minutes)),
  -- 0: no intervals were known when a bill pinned the day.
  version           integer NOT NULL CHECK (version >= 0),
  pinned_version    integer,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  computed_at       timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day)
) PARTITION BY RANGE (day);

CREATE TABLE interval_day_history (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  version           integer NOT NULL,
  interval_minutes  smallint NOT NULL,
  quantities        bytea NOT NULL,
  qualities         bytea NOT NULL,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  computed_at       timestamptz NOT NULL,
  superseded_at     timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day, version)
) PARTITION BY RANGE (day);

-- A worklist: whoever takes a change deletes it in the transaction that acts on it.
CREATE TABLE interval_day_change (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  to_version        integer NOT NULL,
  from_version      integer NOT NULL,
  changed_slots     smallint[] NOT NULL,
  changed_at        timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day, to_version)
);
CREATE INDEX interval_day_change_age ON interval_day_change (changed_at);

CREATE TABLE interval_override (
  channel_id        uuid NOT NULL,
  day               date NOT NULL,
  override_id       uuid NOT NULL,
  interval_minutes  smallint NOT NULL CHECK (interval_minutes IN (5, 10, 15, 30, 60)),
  first_slot        smallint NOT NULL CHECK (first_slot BETWEEN 0 AND 287),
  quantities        bigint[] NOT NULL CHECK (cardinality(quantities) BETWEEN 1 AND 288),
  quality           smallint NOT NULL CHECK (quality IN (1, 2)),
  method            text NOT NULL,
  rule_set          text NOT NULL,
  actor             text NOT NULL,
  reason            text NOT NULL CHECK (reason <> ''),
  created_at        timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day, override_id)
);

CREATE TABLE usage_total (
  channel_id        uuid NOT NULL,
  from_at           timestamptz NOT NULL,
  to_at             timestamptz NOT NULL CHECK (to_at > from_at),
  quantity          bigint NOT NULL,
  source            text NOT NULL,
  PRIMARY KEY (channel_id, from_at, to_at, source)
);

CREATE TABLE usage_event (
  channel_id        uuid NOT NULL,
  source            text NOT NULL,
  event_id          text NOT NULL,
  event_at          timestamptz NOT NULL,
  received_at       timestamptz NOT NULL,
  value             numeric NOT NULL,
  attributes        jsonb NOT NULL,
  PRIMARY KEY (channel_id, source, event_id)
);
CREATE INDEX usage_event_time ON usage_event (channel_id, event_at);

ALTER TABLE register_interval ADD FOREIGN KEY (register_id) REFERENCES register (register_id);
ALTER TABLE register_read ADD FOREIGN KEY (register_id) REFERENCES register (register_id);
ALTER TABLE register_segment ADD FOREIGN KEY (register_id) REFERENCES register (register_id);
ALTER TABLE interval_override ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);
ALTER TABLE usage_total ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);
ALTER TABLE usage_event ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

GRANT SELECT, INSERT, UPDATE ON register, channel, installation, register_day, interval_day TO usage_service;
GRANT SELECT, INSERT, DELETE ON register_segment, interval_day_change TO usage_service;
GRANT SELECT, INSERT ON register_interval, register_read, interval_day_history, interval_override, usage_total, usage_event TO usage_service;
-- FOR UPDATE on a change that is about to be taken.
GRANT UPDATE ON interval_day_change TO usage_service;
