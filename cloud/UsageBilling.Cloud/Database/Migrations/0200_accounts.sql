-- Who is billed for what. Citus: supplier, service_point and supply are reference tables, account and contract are distributed by account_id.

CREATE TABLE supplier (
  supplier_id       text PRIMARY KEY CHECK (supplier_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  name              text NOT NULL CHECK (name <> ''),
  street            text NOT NULL,
  postal_code       text NOT NULL,
  city              text NOT NULL,
  country           text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  vat_id            text NOT NULL,
  registration      text,
  email             text NOT NULL,
  phone             text,
  iban              text NOT NULL,
  bic               text,
  zone              text NOT NULL,
  currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  invoice_series    text NOT NULL UNIQUE CHECK (invoice_series ~ '^[A-Z0-9]{1,8}$'),
  payment_days      integer NOT NULL CHECK (payment_days BETWEEN 0 AND 365)
);

CREATE TABLE account (
  account_id        text PRIMARY KEY CHECK (account_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  supplier_id       text NOT NULL,
  name              text NOT NULL CHECK (name <> ''),
  street            text NOT NULL,
  postal_code       text NOT NULL,
  city              text NOT NULL,
  country           text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  email             text,
  vat_id            text,
  buyer_reference   text,
  segment           text NOT NULL CHECK (segment IN ('household', 'shop', 'industry')),
  currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
);
ALTER TABLE account ADD FOREIGN KEY (supplier_id) REFERENCES supplier;

CREATE TABLE service_point (
  service_point_id  text PRIMARY KEY CHECK (service_point_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  metering_point    text NOT NULL UNIQUE,
  zone              text NOT NULL,
  street            text NOT NULL,
  postal_code       text NOT NULL,
  city              text NOT NULL,
  country           text NOT NULL CHECK (country ~ '^[A-Z]{2}$')
);

-- Dates are local dates of the service point's zone: a contract begins and ends at local midnight.
CREATE TABLE contract (
  account_id        text NOT NULL,
  contract_id       text NOT NULL CHECK (contract_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  tariff_code       text NOT NULL,
  parameters        jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
  from_date         date NOT NULL,
  to_date           date CHECK (to_date > from_date),
  anchor_day        smallint NOT NULL CHECK (anchor_day BETWEEN 1 AND 31),
  PRIMARY KEY (account_id, contract_id)
);
ALTER TABLE contract ADD FOREIGN KEY (account_id) REFERENCES account;

-- The only route from a service point to a contract. The contract is checked in the transaction that writes the row, and by verify:
-- a reference table cannot point into a distributed one.
CREATE TABLE supply (
  service_point_id  text NOT NULL,
  valid             tstzrange NOT NULL CHECK (NOT isempty(valid) AND NOT lower_inf(valid) AND lower_inc(valid) AND NOT upper_inc(valid)),
  account_id        text NOT NULL,
  contract_id       text NOT NULL,
  PRIMARY KEY (service_point_id, valid),
  EXCLUDE USING gist (service_point_id WITH =, valid WITH &&)
);
ALTER TABLE supply ADD FOREIGN KEY (service_point_id) REFERENCES service_point;
CREATE INDEX supply_contract ON supply (account_id, contract_id);

GRANT SELECT, INSERT, UPDATE ON supplier, account, service_point, contract, supply TO usage_service;
