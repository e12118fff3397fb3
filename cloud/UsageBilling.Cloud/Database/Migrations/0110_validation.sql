-- Validation: what the rules found, what people decided, and what estimates stand on.
-- Citus: finding* and channel_validated by channel_id, with channel; rule_set and gateway_replay single-shard tables.

-- The measured slots that an estimate was made for, as their hash: it is laid over only while they are what was measured. Edits and older estimates have none.
ALTER TABLE interval_override ADD COLUMN basis bytea CHECK (octet_length(basis) = 32);
CREATE INDEX interval_override_parts ON interval_override (channel_id, override_id);

CREATE TABLE interval_override_withdrawal (
  channel_id        uuid NOT NULL,
  override_id       uuid NOT NULL,
  actor             text NOT NULL,
  reason            text NOT NULL CHECK (reason <> ''),
  withdrawn_at      timestamptz NOT NULL,
  PRIMARY KEY (channel_id, override_id)
);
ALTER TABLE interval_override_withdrawal ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

-- A finding as it stands: one a rule and local day. It is closed when it no longer holds, never deleted; what became of it when is in finding_event.
CREATE TABLE finding (
  channel_id        uuid NOT NULL,
  local_day         date NOT NULL,
  rule              text NOT NULL,
  state             text NOT NULL CHECK (state IN ('open', 'noted', 'accepted', 'estimated', 'edited', 'closed')),
  verdict           smallint NOT NULL CHECK (verdict BETWEEN 1 AND 3),
  first_slots       smallint[] NOT NULL,
  slot_counts       smallint[] NOT NULL CHECK (cardinality(slot_counts) = cardinality(first_slots)),
  measured          jsonb NOT NULL,
  limit_value       numeric,
  words             text NOT NULL,
  rule_set          text NOT NULL,
  channel_class     text NOT NULL,
  point             text NOT NULL,
  -- In units of the channel: what would be billed otherwise if the finding is right.
  in_question       numeric NOT NULL CHECK (in_question >= 0),
  -- In money by the last billed average price; null where nothing was billed yet.
  at_stake          numeric,
  currency          text,
  found_at          timestamptz NOT NULL,
  changed_at        timestamptz NOT NULL,
  revision          integer NOT NULL CHECK (revision > 0),
  decided_by        text,
  decided_at        timestamptz,
  reason            text,
  PRIMARY KEY (channel_id, local_day, rule),
  CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX finding_open ON finding (rule, found_at) WHERE state = 'open';
CREATE INDEX finding_point ON finding (point, local_day);

CREATE TABLE finding_event (
  channel_id        uuid NOT NULL,
  local_day         date NOT NULL,
  rule              text NOT NULL,
  revision          integer NOT NULL,
  at                timestamptz NOT NULL,
  actor             text NOT NULL,
  state             text NOT NULL,
  verdict           smallint NOT NULL,
  words             text NOT NULL,
  reason            text,
  PRIMARY KEY (channel_id, local_day, rule, revision)
);

-- Through which local day each channel that gateways feed was validated: one that sends nothing has days that nothing else would list.
CREATE TABLE channel_validated (
  channel_id        uuid PRIMARY KEY,
  through_day       date NOT NULL
);

-- Documents of limits as loaded, insert-only; the one loaded last is in force.
CREATE TABLE rule_set (
  version           text PRIMARY KEY,
  document          text NOT NULL,
  loaded_by         text NOT NULL,
  loaded_at         timestamptz NOT NULL
);

-- Batches that a gateway was asked to send again.
CREATE TABLE gateway_replay (
  replay_id         uuid PRIMARY KEY,
  gateway           text NOT NULL,
  stream            uuid NOT NULL,
  from_sequence     bigint NOT NULL CHECK (from_sequence > 0),
  through_sequence  bigint NOT NULL CHECK (through_sequence >= from_sequence),
  actor             text NOT NULL,
  reason            text NOT NULL CHECK (reason <> ''),
  asked_at          timestamptz NOT NULL,
  sent_at           timestamptz,
  answered_at       timestamptz,
  batches           integer,
  answer            text
);
CREATE INDEX gateway_replay_open ON gateway_replay (asked_at) WHERE answered_at IS NULL;

ALTER TABLE finding ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);
ALTER TABLE finding_event ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);
ALTER TABLE channel_validated ADD FOREIGN KEY (channel_id) REFERENCES channel (channel_id);

GRANT SELECT, INSERT ON interval_override_withdrawal, finding_event, rule_set TO usage_service;
GRANT SELECT, INSERT, UPDATE ON finding, channel_validated, gateway_replay TO usage_service;
