-- People who sign in to the pages. Citus: a single-shard table.

CREATE TABLE app_user (
  name              text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),
  password_hash     text NOT NULL,
  scopes            text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) >= 1),
  created_at        timestamptz NOT NULL,
  -- Changed with the password and on disabling: a session that carries an older stamp ends.
  stamp             uuid NOT NULL,
  disabled_at       timestamptz
);

GRANT SELECT, INSERT, UPDATE ON app_user TO usage_service;
