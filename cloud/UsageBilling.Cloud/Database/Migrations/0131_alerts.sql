-- Alerts: what is watched, what was found, and the outbox of what must still be told. Citus: all single-shard tables.

CREATE TABLE alert_target (
  target_id         text PRIMARY KEY CHECK (target_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  kind              text NOT NULL CHECK (kind IN ('email', 'webhook')),
  address           text NOT NULL CHECK (address <> ''),
  active            boolean NOT NULL,
  created_at        timestamptz NOT NULL
);

-- Apart from its target, so that whoever reads targets never reads a secret. It signs, so it must be kept as it is.
CREATE TABLE alert_secret (
  target_id         text PRIMARY KEY,
  secret            bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64)
);
ALTER TABLE alert_secret ADD FOREIGN KEY (target_id) REFERENCES alert_target;

CREATE TABLE alert_rule (
  rule_id           text PRIMARY KEY CHECK (rule_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  kind              text NOT NULL CHECK (kind IN ('threshold', 'budget', 'anomaly', 'no-data')),
  service_point_id  text NOT NULL,
  settings          jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
  targets           text[] NOT NULL CHECK (cardinality(targets) >= 1),
  active            boolean NOT NULL,
  created_at        timestamptz NOT NULL,
  judged_at         timestamptz,
  error             text
);
CREATE INDEX alert_rule_due ON alert_rule (judged_at NULLS FIRST) WHERE active;

-- Once for each cause and period: the id is made from the three, and the constraint says it again.
CREATE TABLE alert (
  alert_id          uuid PRIMARY KEY,
  rule_id           text NOT NULL,
  cause             text NOT NULL,
  period            text NOT NULL,
  service_point_id  text NOT NULL,
  raised_at         timestamptz NOT NULL,
  subject           text NOT NULL,
  body              text NOT NULL,
  UNIQUE (rule_id, cause, period)
);
ALTER TABLE alert ADD FOREIGN KEY (rule_id) REFERENCES alert_rule;
CREATE INDEX alert_raised ON alert (raised_at DESC, alert_id);

-- Written with its alert. Whoever takes a delivery moves next_at into the future first; what it did not finish by then is taken again.
CREATE TABLE alert_delivery (
  alert_id          uuid NOT NULL,
  target_id         text NOT NULL,
  state             text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts          integer NOT NULL DEFAULT 0,
  next_at           timestamptz NOT NULL,
  delivered_at      timestamptz CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
  error             text,
  PRIMARY KEY (alert_id, target_id)
);
ALTER TABLE alert_delivery ADD FOREIGN KEY (alert_id) REFERENCES alert;
ALTER TABLE alert_delivery ADD FOREIGN KEY (target_id) REFERENCES alert_target;
CREATE INDEX alert_delivery_due ON alert_delivery (next_at) WHERE state = 'pending';

GRANT SELECT, INSERT, UPDATE ON alert_target, alert_secret, alert_rule, alert_delivery TO usage_service;
GRANT SELECT, INSERT ON alert TO usage_service;
