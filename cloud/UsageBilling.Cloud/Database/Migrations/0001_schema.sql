-- The owner makes everything; the service role gets exactly the rights that each table's migration grants.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'usage_service') THEN
    CREATE ROLE usage_service LOGIN;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster migrates at the same moment
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'role usage_service is missing: as a superuser run CREATE ROLE usage_service LOGIN, then migrate again';
END $$;

CREATE EXTENSION IF NOT EXISTS btree_gist;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO usage_service;
