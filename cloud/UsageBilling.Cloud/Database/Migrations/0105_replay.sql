-- A replay and how far it has come: one that was killed goes on where it stood. Citus: a single-shard table.
CREATE TABLE replay_run (
  replay_id         uuid PRIMARY KEY,
  started_at        timestamptz NOT NULL,
  finished_at       timestamptz,
  -- 0 registers; else the feed whose channels are next in turn. done_through is the last register or channel that is done in it.
  phase             smallint NOT NULL CHECK (phase BETWEEN 0 AND 4),
  done_through      uuid NOT NULL,
  batches           bigint NOT NULL,
  rows_same         bigint NOT NULL,
  rows_different    bigint NOT NULL,
  rows_unexplained  bigint NOT NULL,
  rows_failed       bigint NOT NULL
);

-- What an installer says a register really showed at an instant. The latest correction stands for whatever was read there, and what was read stays. Citus: by register_id.
CREATE TABLE register_correction (
  register_id       uuid NOT NULL,
  at                timestamptz NOT NULL,
  correction_id     uuid NOT NULL,
  value             bigint NOT NULL CHECK (value >= 0),
  actor             text NOT NULL,
  reason            text NOT NULL CHECK (reason <> ''),
  corrected_at      timestamptz NOT NULL,
  PRIMARY KEY (register_id, at, correction_id)
);
ALTER TABLE register_correction ADD FOREIGN KEY (register_id) REFERENCES register (register_id);

GRANT SELECT, INSERT, UPDATE ON replay_run TO usage_service;
GRANT SELECT, INSERT ON register_correction TO usage_service;
