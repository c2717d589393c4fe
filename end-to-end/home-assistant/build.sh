#!/bin/bash
# Puts a current Home Assistant into a folder of its own, as root, once:
#   end-to-end/home-assistant/build.sh        (1.5 GB in .cache/home-assistant; delete it to have a newer one)
# It needs a newer Python than Debian 12 has, so the folder holds Debian sid. All that its integrations for MQTT and
# statistics want is installed along, so that it fetches nothing when it runs. HOME_ASSISTANT_VERSION asks for another
# version than the newest, and APT_OPTION passes one on to apt, for a mirror that stands still, as for deploy/arm/build.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=$PWD/.cache/home-assistant
root=$cache/root
# Without the frontend Home Assistant thinks that it is broken, and without hassio it complains of it.
INTEGRATIONS="frontend onboarding recorder history energy mqtt hassio"

[ "$(id -u)" -eq 0 ] || { echo "Creating the folder with Debian sid needs root: sudo $0" >&2; exit 1; }
[ -e "$root/made" ] && exit
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: deploy/install-packages.sh home-assistant" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$cache"
mmdebstrap --variant=minbase --aptopt="APT::Install-Recommends \"false\"" \
    ${APT_OPTION:+--aptopt="$APT_OPTION"} \
    --include=ca-certificates,python3.14,python3.14-venv,python3.14-dev,g++,libc6-dev,libfaketime,tzdata sid "$root"
# Whatever certificates this machine trusts for downloads.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp -L /etc/resolv.conf "$root/etc/"

# Runs a command in the root, with mounts that end with it.
inside() {
    unshare --mount --pid --fork bash -euc "
        mount -t proc proc \"\$1/proc\"
        mount --bind /dev \"\$1/dev\"
        root=\$1; shift
        exec chroot \"\$root\" /usr/bin/env -i PATH=/srv/venv/bin:/usr/bin:/bin HOME=/root PIP_DISABLE_PIP_VERSION_CHECK=1 \
            PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore \"\$@\"" - "$root" "$@"
}

inside python3.14 -m venv /srv/venv
inside pip install --quiet "homeassistant${HOME_ASSISTANT_VERSION:+==$HOME_ASSISTANT_VERSION}"
# What the integrations name that it begins by itself, and those of the test, with all that they depend upon.
inside python - $INTEGRATIONS > "$cache/requirements" <<"PYTHON"
import json, pathlib, sys
import homeassistant, homeassistant.bootstrap as bootstrap
folder = pathlib.Path(homeassistant.__file__).parent / "components"
waiting = list(sys.argv[1:]) + sorted(bootstrap.DEFAULT_INTEGRATIONS | bootstrap.LOGGING_AND_HTTP_DEPS_INTEGRATIONS)
known, wanted = set(), set()
while waiting:
    name = waiting.pop()
    manifest = folder / name / "manifest.json"
    if name in known or not manifest.exists():
        continue
    known.add(name)
    said = json.loads(manifest.read_text())
    wanted.update(said.get("requirements", []))
    waiting += said.get("dependencies", [])
print("\n".join(sorted(wanted)))
PYTHON
cp "$cache/requirements" "$root/srv/"
constraints=$(inside python -c "import homeassistant, pathlib; print(pathlib.Path(homeassistant.__file__).parent / \"package_constraints.txt\")")
inside pip install --quiet --requirement /srv/requirements --constraint "$constraints"
inside hass --version > "$cache/version"
touch "$root/made"
echo "Home Assistant $(cat "$cache/version") is in $root"
