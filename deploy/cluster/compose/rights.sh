# As docs/CLUSTER.md has it. It fails, and is tried again, until there are tables.
set -euo pipefail
sleep 5
psql "postgresql://postgres@database-1,database-2/powerpi?target_session_attrs=read-write" --no-psqlrc -v ON_ERROR_STOP=1 \
    -c "GRANT INSERT, DELETE ON settings_version TO \"powerpi-web\"" -c "GRANT UPDATE ON alarm_watch TO \"powerpi-alarms\""
