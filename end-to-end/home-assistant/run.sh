#!/bin/bash
# Runs the Home Assistant that build.sh has made, in the foreground, as root:
#   end-to-end/home-assistant/run.sh FOLDER [CLOCK]
# FOLDER holds its configuration and gets its database and log. With CLOCK, as @2026-11-29 10:59:00 (UTC), it believes that it
# is started then; what it sleeps stays real. It ends with whoever started it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)/.cache/home-assistant/root
[ -e "$root/made" ] || { echo "there is no Home Assistant here: end-to-end/home-assistant/build.sh makes it" >&2; exit 1; }
folder=$(readlink -f "$1") clock=${2:-}
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash -euc "
    mount -t proc proc \"\$1/proc\"
    mount --bind /dev \"\$1/dev\"
    mkdir -p \"\$1/srv/config\"
    mount --bind \"\$2\" \"\$1/srv/config\"
    exec chroot \"\$1\" /usr/bin/env -i PATH=/srv/venv/bin:/usr/bin:/bin HOME=/root TZ=UTC LANG=C.UTF-8 \
        \${3:+LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 FAKETIME=\"\$3\" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1} \
        hass --config /srv/config --skip-pip" - "$root" "$folder" "$clock"
