-- Bills, from draft to frozen. Citus: distributed by account_id; bill_run is a single-shard table.

CREATE TABLE bill_run (
  run_id            uuid PRIMARY KEY,
  period            date NOT NULL,
  issue             boolean NOT NULL,
  actor             text NOT NULL,
  started_at        timestamptz NOT NULL,
  finished_at       timestamptz,
  contracts         integer NOT NULL DEFAULT 0,
  billed            integer NOT NULL DEFAULT 0,
  unchanged         integer NOT NULL DEFAULT 0,
  held              integer NOT NULL DEFAULT 0,
  failed            integer NOT NULL DEFAULT 0,
  not_due           integer NOT NULL DEFAULT 0,
  issued            integer NOT NULL DEFAULT 0,
  error             text
);

-- Dates are local dates of the service point. content is the canonical document of the bill with the manifest of what it was rated from.
CREATE TABLE bill (
  account_id        text NOT NULL,
  contract_id       text NOT NULL,
  period_start      date NOT NULL,
  revision          integer NOT NULL CHECK (revision >= 1),
  bill_id           uuid NOT NULL,
  period_end        date NOT NULL CHECK (period_end > period_start),
  state             text NOT NULL CHECK (state IN ('draft', 'held', 'approved', 'frozen', 'issued', 'cancelled')),
  hold_reason       text,
  held_by           text,
  service_point_id  text NOT NULL,
  zone              text NOT NULL,
  tzdb_version      text NOT NULL,
  currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  net               numeric NOT NULL,
  tax               numeric NOT NULL,
  total             numeric NOT NULL,
  opening           text NOT NULL,
  closing           text NOT NULL,
  content           text NOT NULL,
  content_hash      bytea NOT NULL CHECK (octet_length(content_hash) = 32),
  rated_at          timestamptz NOT NULL,
  approved_by       text,
  frozen_at         timestamptz,
  cancelled_at      timestamptz,
  cancel_reason     text,
  PRIMARY KEY (account_id, contract_id, period_start, revision),
  UNIQUE (account_id, bill_id),
  EXCLUDE USING gist (account_id WITH =, contract_id WITH =, daterange(period_start, period_end) WITH &&) WHERE (state <> 'cancelled'),
  CHECK (state <> 'held' OR hold_reason IS NOT NULL),
  CHECK (state <> 'cancelled' OR (cancelled_at IS NOT NULL AND cancel_reason IS NOT NULL)),
  CHECK (state NOT IN ('frozen', 'issued') OR (frozen_at IS NOT NULL AND approved_by IS NOT NULL)),
  CHECK (content_hash = sha256(convert_to(content, 'UTF8')))
);
CREATE INDEX bill_worklist ON bill (state, account_id) WHERE state IN ('draft', 'held', 'approved', 'frozen');
CREATE INDEX bill_to_cancel ON bill (account_id) WHERE state = 'issued' AND cancel_reason IS NOT NULL;
CREATE INDEX bill_period ON bill (period_start, account_id);
CREATE INDEX bill_point ON bill (service_point_id, period_start DESC);

CREATE TABLE bill_issue (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  position          integer NOT NULL,
  severity          text NOT NULL CHECK (severity IN ('note', 'hold', 'error')),
  code              text NOT NULL,
  path              text NOT NULL,
  message           text NOT NULL,
  PRIMARY KEY (account_id, bill_id, position)
);
ALTER TABLE bill_issue ADD FOREIGN KEY (account_id, bill_id) REFERENCES bill (account_id, bill_id);

-- What could not be billed at all, and why; gone when it is billed.
CREATE TABLE bill_exception (
  account_id        text NOT NULL,
  contract_id       text NOT NULL,
  period_start      date NOT NULL,
  period_end        date NOT NULL,
  run_id            uuid NOT NULL,
  at                timestamptz NOT NULL,
  message           text NOT NULL,
  PRIMARY KEY (account_id, contract_id, period_start)
);

-- Where each channel stood when the period began and when it ended: bill N's end is bill N+1's start.
CREATE TABLE bill_channel (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  channel_id        uuid NOT NULL,
  channel           text NOT NULL,
  first_day         date NOT NULL,
  last_day          date NOT NULL CHECK (last_day >= first_day),
  billed            bigint NOT NULL,
  start_total       bigint,
  end_total         bigint,
  PRIMARY KEY (account_id, bill_id, channel_id)
);
ALTER TABLE bill_channel ADD FOREIGN KEY (account_id, bill_id) REFERENCES bill (account_id, bill_id);
CREATE INDEX bill_channel_days ON bill_channel (channel_id, last_day);

-- A slot that an issued bill used has changed since. Staff decide; nothing is changed by itself.
CREATE TABLE rebill_proposal (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  channel_id        uuid NOT NULL,
  utc_day           date NOT NULL,
  billed_version    integer NOT NULL,
  current_version   integer NOT NULL,
  changed_slots     integer NOT NULL CHECK (changed_slots > 0),
  detected_at       timestamptz NOT NULL,
  state             text NOT NULL CHECK (state IN ('open', 'rebilled', 'dismissed')),
  decided_by        text,
  decided_at        timestamptz,
  reason            text,
  PRIMARY KEY (account_id, bill_id, channel_id, utc_day, current_version)
);
ALTER TABLE rebill_proposal ADD FOREIGN KEY (account_id, bill_id) REFERENCES bill (account_id, bill_id);

GRANT SELECT, INSERT, UPDATE ON bill_run, bill, rebill_proposal TO usage_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON bill_issue, bill_channel, bill_exception TO usage_service;
