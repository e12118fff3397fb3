-- Issued documents. Citus: invoice, invoice_document and document_pending by account_id, series and numbers single-shard.

CREATE TABLE invoice_series (
  series            text PRIMARY KEY,
  last_number       bigint NOT NULL CHECK (last_number >= 0)
);

-- Step 2 of issuing: the number belongs to the bill before the invoice exists, so a crash leaves no gap.
CREATE TABLE invoice_number (
  series            text NOT NULL,
  number            bigint NOT NULL CHECK (number > 0),
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('invoice', 'credit-note')),
  issued_at         timestamptz NOT NULL,
  PRIMARY KEY (series, number),
  UNIQUE (account_id, bill_id, kind)
);

-- The snapshot is the invoice: what it says never changes. hash covers number, instant and snapshot, which the snapshot repeats.
CREATE TABLE invoice (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('invoice', 'credit-note')),
  series            text NOT NULL,
  number            bigint NOT NULL,
  invoice_number    text NOT NULL,
  issued_at         timestamptz NOT NULL,
  period_start      date NOT NULL,
  period_end        date NOT NULL,
  due_date          date NOT NULL,
  currency          text NOT NULL,
  net               numeric NOT NULL,
  tax               numeric NOT NULL,
  total             numeric NOT NULL,
  preceding         text,
  snapshot          text NOT NULL,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (account_id, bill_id, kind),
  UNIQUE (account_id, invoice_number),
  CHECK (hash = sha256(convert_to(snapshot, 'UTF8'))),
  CHECK ((kind = 'credit-note') <= (preceding IS NOT NULL))
);
CREATE INDEX invoice_by_number ON invoice (invoice_number);

CREATE TABLE invoice_document (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  kind              text NOT NULL,
  format            text NOT NULL CHECK (format IN ('pdf', 'ubl')),
  content           bytea NOT NULL,
  hash              bytea NOT NULL CHECK (hash = sha256(content)),
  rendered_at       timestamptz NOT NULL,
  PRIMARY KEY (account_id, bill_id, kind, format)
);
ALTER TABLE invoice_document ADD FOREIGN KEY (account_id, bill_id, kind) REFERENCES invoice;

CREATE TABLE document_pending (
  account_id        text NOT NULL,
  bill_id           uuid NOT NULL,
  kind              text NOT NULL,
  attempts          integer NOT NULL DEFAULT 0,
  error             text,
  PRIMARY KEY (account_id, bill_id, kind)
);
ALTER TABLE document_pending ADD FOREIGN KEY (account_id, bill_id, kind) REFERENCES invoice;

GRANT SELECT, INSERT, UPDATE ON invoice_series TO usage_service;
GRANT SELECT, INSERT ON invoice_number, invoice, invoice_document TO usage_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON document_pending TO usage_service;
