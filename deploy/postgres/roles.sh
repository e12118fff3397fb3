#!/usr/bin/env bash
# Runs once, when the database is created: the owner migrates, the service role has only the rights that migrations grant.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" \
    -v owner="$(cat /run/secrets/postgres-owner)" -v service="$(cat /run/secrets/postgres-service)" <<'SQL'
CREATE ROLE usage_owner LOGIN PASSWORD :'owner';
CREATE ROLE usage_service LOGIN PASSWORD :'service';
CREATE DATABASE usage OWNER usage_owner;
SQL
