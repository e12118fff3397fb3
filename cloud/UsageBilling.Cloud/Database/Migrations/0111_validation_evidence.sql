-- What validation knows beside readings: what files say of meters, and what gateways say of registers and of their clocks.
-- Citus: import_meter by channel_id, with channel; register_* by register_id, with register.

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

-- How far the clock that dated a register's readings of a UTC day was off the cloud's, at most in each direction, and over which readings. No row: it was right, or nobody knows.
CREATE TABLE register_clock (
  register_id       uuid NOT NULL,
  day               date NOT NULL,
  ahead_ms          bigint NOT NULL CHECK (ahead_ms >= 0),
  behind_ms         bigint NOT NULL CHECK (behind_ms >= 0),
  first_at          timestamptz NOT NULL,
  last_at           timestamptz NOT NULL CHECK (last_at >= first_at),
  PRIMARY KEY (register_id, day)
);

-- Another meter answered where this register's is configured: its serial number, as the gateway says. Insert-only.
CREATE TABLE register_other_meter (
  register_id       uuid NOT NULL,
  at                timestamptz NOT NULL,
  serial            text NOT NULL,
  PRIMARY KEY (register_id, at, serial)
);

-- Which gateways ever delivered a register.
CREATE TABLE register_gateway (
  register_id       uuid NOT NULL,
  gateway           text NOT NULL,
  PRIMARY KEY (register_id, gateway)
);
ALTER TABLE register_clock ADD FOREIGN KEY (register_id) REFERENCES register (register_id);
ALTER TABLE register_other_meter ADD FOREIGN KEY (register_id) REFERENCES register (register_id);
ALTER TABLE register_gateway ADD FOREIGN KEY (register_id) REFERENCES register (register_id);

-- Over which instants the readings of a parked row lie; null where the batch as a whole is parked.
ALTER TABLE parked ADD COLUMN first_at timestamptz;
ALTER TABLE parked ADD COLUMN last_at timestamptz;
DROP INDEX parked_open;
CREATE INDEX parked_open ON parked (register, reason, last_at) WHERE resolved_at IS NULL;
CREATE INDEX parked_unknown ON parked (gateway, last_at) WHERE resolved_at IS NULL AND reason = 'unknown-register';

GRANT SELECT, INSERT ON import_meter, register_other_meter, register_gateway TO usage_service;
GRANT SELECT, INSERT, UPDATE ON register_clock TO usage_service;
