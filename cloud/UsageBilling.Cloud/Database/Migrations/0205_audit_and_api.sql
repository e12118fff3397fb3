-- Who did what, and how programs sign in. Citus: audit, api_token and api_request are single-shard tables.

CREATE TABLE audit (
  audit_id          bigserial PRIMARY KEY,
  at                timestamptz NOT NULL,
  actor             text NOT NULL,
  action            text NOT NULL,
  entity            text NOT NULL,
  before            jsonb,
  after             jsonb,
  reason            text
);
CREATE INDEX audit_entity ON audit (entity, audit_id);

CREATE TABLE api_token (
  token_hash        bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  name              text NOT NULL UNIQUE,
  scopes            text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) >= 1),
  created_at        timestamptz NOT NULL,
  expires_at        timestamptz,
  revoked_at        timestamptz
);

-- The answer to a write that named an Idempotency-Key: the same key gives the same answer.
CREATE TABLE api_request (
  actor             text NOT NULL,
  key               text NOT NULL,
  request_hash      bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  started_at        timestamptz NOT NULL,
  status            integer,
  content_type      text,
  body              bytea,
  PRIMARY KEY (actor, key)
);

GRANT SELECT, INSERT ON audit TO usage_service;
GRANT USAGE ON SEQUENCE audit_audit_id_seq TO usage_service;
GRANT SELECT, INSERT, UPDATE ON api_token TO usage_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_request TO usage_service;
