-- Receivables ledger, double entry. One row a posting with its legs inside, so that a row that does not balance cannot exist. Citus: by account_id.

CREATE FUNCTION ledger_legs_balance(accounts text[], amounts numeric[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(
    array_ndims(accounts) = 1 AND array_ndims(amounts) = 1
    AND cardinality(accounts) = cardinality(amounts) AND cardinality(accounts) >= 2
    AND array_position(accounts, NULL) IS NULL AND array_position(amounts, NULL) IS NULL
    AND array_position(amounts, 'NaN'::numeric) IS NULL
    AND (SELECT sum(leg) FROM unnest(amounts) AS leg) = 0, false)
$$;

-- Debits are positive, credits negative. source is what caused the posting and makes it happen once.
CREATE TABLE ledger_posting (
  account_id        text NOT NULL,
  source            text NOT NULL,
  posted_at         timestamptz NOT NULL,
  value_date        date NOT NULL,
  currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  description       text NOT NULL,
  leg_accounts      text[] NOT NULL,
  leg_amounts       numeric[] NOT NULL,
  PRIMARY KEY (account_id, source),
  CHECK (ledger_legs_balance(leg_accounts, leg_amounts))
);

-- Legs as rows, for people with SQL tools.
CREATE VIEW ledger_leg AS
  SELECT p.account_id, p.source, p.posted_at, p.value_date, p.currency, leg.position, leg.ledger_account, leg.amount
  FROM ledger_posting p, unnest(p.leg_accounts, p.leg_amounts) WITH ORDINALITY AS leg(ledger_account, amount, position);

GRANT SELECT, INSERT ON ledger_posting TO usage_service;
GRANT SELECT ON ledger_leg TO usage_service;
