# The second database takes the first one's place. It goes on without a standby: docs/CLUSTER.md says how to make it one.
set -euo pipefail
pg_ctl promote --wait --pgdata "$PGDATA"
psql --no-psqlrc -v ON_ERROR_STOP=1 -c "ALTER SYSTEM SET synchronous_standby_names = ''" -c "SELECT pg_reload_conf()"
