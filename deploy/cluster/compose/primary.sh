# Run by the image of PostgreSQL when the first database is made.
set -euo pipefail
psql --username postgres --no-psqlrc -v ON_ERROR_STOP=1 << 'SQL'
CREATE ROLE "powerpi-recorder" LOGIN;
CREATE ROLE "powerpi-web" LOGIN;
CREATE ROLE "powerpi-alarms" LOGIN;
CREATE ROLE standby LOGIN REPLICATION;
CREATE DATABASE powerpi OWNER "powerpi-recorder" ENCODING UTF8 TEMPLATE template0;
\connect powerpi
ALTER DEFAULT PRIVILEGES FOR ROLE "powerpi-recorder" GRANT SELECT ON TABLES TO "powerpi-web", "powerpi-alarms";
SELECT pg_create_physical_replication_slot('standby');
-- From its next start on, which comes before anybody else is let in.
ALTER SYSTEM SET synchronous_standby_names = '*';
ALTER SYSTEM SET max_slot_wal_keep_size = '1GB';
SQL
echo "host replication standby all trust" >> "$PGDATA/pg_hba.conf"
