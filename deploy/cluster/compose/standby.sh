# The second database: a copy of the first one when it is made, and what comes after that.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup --pgdata "$PGDATA" --write-recovery-conf --checkpoint fast --slot standby --dbname "host=database-1 user=standby"
    chmod 700 "$PGDATA"
fi
exec postgres
