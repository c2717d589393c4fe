#!/bin/bash
# Installs what the named steps need and this machine lacks, and says why:
#   install-packages.sh build|test|firefox|cluster|imports|home-assistant|bench|gpio|arm|static|test-arm|packages|container ...
# Debian 12 and its relatives; as root, or as a user with sudo.
set -euo pipefail

declare -A why=(
    [gcc]="compiles SQLite and links"
    [pkg-config]="finds librrd"
    [librrd-dev]="the library that stores and draws RRD files"
    [libclang-dev]="reads librrd's header during the build"
    [fonts-inter]="the font of the pictures"
    [fonts-dejavu-core]="the font if Inter is missing"
    [rrdtool]="a second opinion on RRD files, in tests"
    [postgresql]="the other home of the ledger, in tests"
    [mosquitto]="a second broker, in tests"
    [nats-server]="three nodes in the broker's place, in tests"
    [python3-yaml]="reads the compose file of a cluster, in its test"
    [mosquitto-clients]="other people's MQTT clients, in tests"
    [chromium]="a browser, in tests"
    [chromium-driver]="drives the browser"
    [firefox-esr]="another browser, in tests"
    [npm]="fetches axe-core, which checks the accessibility of the pages"
    [python3-aiosmtpd]="a mail server, in tests"
    [nginx-light]="a proxy in front of the pages, in tests"
    [apache2-bin]="another proxy"
    [caddy]="a third proxy"
    [prometheus]="scrapes all programs, in tests"
    [curl]="a client that speaks TLS, in tests"
    [mandoc]="reads manual pages, in tests"
    [iproute2]="addresses of IPv6 in a network of a test's own"
    [sqlite3]="looks into the ledger, in tests"
    [linux-source-6.1]="the kernel that counts in the GPIO test"
    [make]="builds that kernel"
    [flex]="builds that kernel"
    [bison]="builds that kernel"
    [bc]="builds that kernel"
    [xz-utils]="unpacks that kernel"
    [busybox-static]="the commands inside that kernel"
    [musl-tools]="compiles for a program that needs nothing of its system"
    [mmdebstrap]="fetches a newer Debian, for the compilers for ARM and for Home Assistant"
    [debootstrap]="a clean Debian 12 to install packages in"
    [systemd-container]="starts that Debian 12"
    [lintian]="checks packages"
    [qemu-user-static]="a Raspberry Pi's processor, in tests"
    [binutils-arm-linux-gnueabihf]="shows which instructions a program for ARM uses"
    [podman]="builds and runs containers"
    [buildah]="builds them for podman"
    [runc]="starts them"
    [containernetworking-plugins]="their network"
    [iptables]="their ports"
    [python3-pip]="fetches podman-compose"
    [collectd-core]="keeps minutes from MQTT, too, in benchmarks"
    [rrdcached]="writes RRD files for collectd"
    [python3-paho-mqtt]="a recorder as people write it, in benchmarks"
    [python3-rrdtool]="writes its RRD files"
    [victoria-metrics]="answers with the same data, in benchmarks"
    [php-fpm]="another server with the same data, in benchmarks"
    [php-rrd]="reads RRD files for php-fpm"
    [wrk]="requests pages as fast as they come, in benchmarks"
    [mariadb-server]="Volkszähler's database, in tests of imports"
)
declare -A packages=(
    [arm]="mmdebstrap"
    [cluster]="nats-server postgresql mosquitto-clients caddy python3-yaml"
    [static]="musl-tools"
    [imports]="rrdtool sqlite3 mariadb-server"
    [home-assistant]="mmdebstrap"
    [test-arm]="mmdebstrap qemu-user-static binutils-arm-linux-gnueabihf sqlite3"
    [container]="mmdebstrap podman buildah runc containernetworking-plugins iptables python3-pip curl"
    [packages]="debootstrap systemd-container lintian"
    [build]="gcc pkg-config librrd-dev libclang-dev fonts-inter fonts-dejavu-core"
    [test]="rrdtool postgresql mosquitto mosquitto-clients chromium chromium-driver mandoc sqlite3 npm python3-aiosmtpd nginx-light apache2-bin caddy curl iproute2 prometheus"
    [bench]="wrk nginx-light curl victoria-metrics php-fpm php-rrd collectd-core rrdcached python3-paho-mqtt python3-rrdtool"
    [firefox]="firefox-esr"
    [gpio]="linux-source-6.1 make flex bison bc xz-utils busybox-static"
)

command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs (1.89 or newer)." >&2; exit 1; }
command -v apt-get >/dev/null || { echo "This is not Debian; install by hand what deploy/install-packages.sh lists." >&2; exit 1; }

missing=()
for step in "$@"; do
    for package in ${packages[$step]}; do
        # Node.js from elsewhere brings its own npm, which Debian's would contradict.
        [ "$package" = npm ] && command -v npm >/dev/null && continue
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Debian packages to install:"
for package in "${missing[@]}"; do
    printf '  %-18s %s\n' "$package" "${why[$package]}"
done
# Servers that come along, and would run at once, on the ports of our own broker and of others. Those that were here before
# go on as they were.
servers=(postgresql mosquitto nats-server nginx caddy prometheus mariadb rrdcached collectd victoria-metrics 'php*-fpm')
here() {
    case $(systemctl is-system-running 2>/dev/null || true) in
    running | degraded | starting | maintenance) ;;
    *) return 0 ;; # no systemd, as in a container: nothing is started
    esac
    { systemctl list-unit-files --no-legend "${servers[@]/%/.service}" || true; } | cut -d ' ' -f 1 | sort
}
before=$(here)
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
for service in $(comm -13 <(echo "$before") <(here)); do
    "${as_root[@]}" systemctl disable --now "$service"
done
