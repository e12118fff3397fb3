-- Tariffs and their effective-dated documents. A version's document never changes; a correction is a new version. Citus: reference tables.

CREATE TABLE tariff (
  tariff_code       text PRIMARY KEY CHECK (tariff_code ~ '^[A-Za-z0-9._-]{1,64}$'),
  name              text NOT NULL
);

CREATE TABLE tariff_version (
  tariff_code       text NOT NULL,
  version           text NOT NULL CHECK (version <> ''),
  valid_from        date NOT NULL,
  document          text NOT NULL,
  hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
  added_at          timestamptz NOT NULL,
  PRIMARY KEY (tariff_code, version),
  UNIQUE (tariff_code, valid_from),
  CHECK (hash = sha256(convert_to(document, 'UTF8')))
);
ALTER TABLE tariff_version ADD FOREIGN KEY (tariff_code) REFERENCES tariff;

GRANT SELECT, INSERT, UPDATE ON tariff TO usage_service;
GRANT SELECT, INSERT ON tariff_version TO usage_service;
