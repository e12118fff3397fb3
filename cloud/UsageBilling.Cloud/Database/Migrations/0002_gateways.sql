-- Who may send. Keys are only added; closing one is a row of its own, so that every batch can be judged by its key's state when it was received.
CREATE TABLE gateway (
  gateway text PRIMARY KEY,
  created_at timestamptz NOT NULL
);

CREATE TABLE gateway_key (
  gateway text NOT NULL,
  key_id text NOT NULL,
  public_key bytea NOT NULL,
  registered_at timestamptz NOT NULL,
  PRIMARY KEY (gateway, key_id)
);

CREATE TABLE gateway_key_closed (
  gateway text NOT NULL,
  key_id text NOT NULL,
  closed_at timestamptz NOT NULL,
  reason text NOT NULL CHECK (reason IN ('renewed', 'revoked')),
  PRIMARY KEY (gateway, key_id)
);

-- The password at the broker, in Mosquitto's form: $7$iterations$salt$hash.
CREATE TABLE gateway_password (
  gateway text PRIMARY KEY,
  password_hash text NOT NULL CHECK (password_hash LIKE '$7$%'),
  set_at timestamptz NOT NULL
);

CREATE TABLE enrolment_token (
  gateway text NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (gateway, token_hash)
);

-- What a gateway last said about itself.
CREATE TABLE gateway_status (
  gateway text PRIMARY KEY,
  online boolean NOT NULL,
  received_at timestamptz NOT NULL,
  status jsonb NOT NULL
);

ALTER TABLE gateway_key ADD FOREIGN KEY (gateway) REFERENCES gateway;
ALTER TABLE gateway_key_closed ADD FOREIGN KEY (gateway, key_id) REFERENCES gateway_key;
ALTER TABLE gateway_password ADD FOREIGN KEY (gateway) REFERENCES gateway;
ALTER TABLE enrolment_token ADD FOREIGN KEY (gateway) REFERENCES gateway;
ALTER TABLE gateway_status ADD FOREIGN KEY (gateway) REFERENCES gateway;

GRANT SELECT, INSERT ON gateway, gateway_key, gateway_key_closed TO usage_service;
GRANT SELECT, INSERT, UPDATE ON gateway_password, enrolment_token, gateway_status TO usage_service;
