#!/bin/bash
# Prepares a card that needs neither keyboard nor screen: at its first start the Pi installs the package and joins the server.
#   prepare-card.sh --boot FOLDER --package powerpi-pi_*.deb --pin N --pulses-per-kwh N \
#       [--name NAME] [--user NAME --key FILE.pub] [--wifi NAME --wifi-password-file FILE --country DE] < INVITATION
# FOLDER is the card's first partition (bootfs), freshly written with Raspberry Pi OS Lite of Debian 13 (trixie) or newer,
# which reads these files by cloud-init. INVITATION is the line of `powerpi invite home --minutes 1440`. It lies on the card
# until the Pi has joined, and is good for nothing afterwards.
set -euo pipefail
export LC_ALL=C

fail() { echo "prepare-card.sh: $*" >&2; exit 1; }
boot='' package='' pin='' constant='' name=powerpi user='' key='' wifi='' secret='' country=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
    --boot) boot=$2 ;;
    --package) package=$2 ;;
    --pin) pin=$2 ;;
    --pulses-per-kwh) constant=$2 ;;
    --name) name=$2 ;;
    --user) user=$2 ;;
    --key) key=$2 ;;
    --wifi) wifi=$2 ;;
    --wifi-password-file) secret=$2 ;;
    --country) country=$2 ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done

# What goes into YAML or a command is of these letters only.
is() { [[ $2 =~ ^$1$ ]] || fail "$3"; }
[ -f "$boot/config.txt" ] || fail "--boot: \"$boot\" is not the first partition of a card with Raspberry Pi OS"
[ -f "$boot/user-data" ] || fail "$boot has no user-data: this Raspberry Pi OS has no cloud-init; take one of Debian 13"
! grep -q '^[^#[:space:]]' "$boot/user-data" || fail "$boot/user-data has settings already; write the card anew, without settings"
[ -f "$package" ] || fail "--package: there is no file \"$package\""
is '[0-9]{1,2}' "$pin" "--pin: write the number of the pin that S0+ is connected to"
is '[0-9]+(\.[0-9]+)?' "$constant" "--pulses-per-kwh: write the number that is printed on the meter"
is '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?' "$name" "--name: write letters, digits and hyphens"
IFS= read -r line || fail "there is no invitation: give the line of \`powerpi invite\` on standard input"
is 'powerpi://[!-~]+' "$line" "that is no invitation: give the line of \`powerpi invite\` on standard input"

users='' ssh=''
if [ -n "$user$key" ]; then
    is '[a-z][a-z0-9-]{0,30}' "$user" "--user: write a name of small letters, digits and hyphens, and with it --key"
    is '(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+( [!-~ ]*)?' "$(head -n 1 "$key")" "--key: \"$key\" is no public key of SSH"
    # Without the comment, in which anything may stand.
    users="
users:
  - name: $user
    groups: [adm, dialout, gpio, sudo, users]
    sudo: ALL=(ALL) NOPASSWD:ALL
    shell: /bin/bash
    lock_passwd: true
    ssh_authorized_keys: [\"$(head -n 1 "$key" | cut -d ' ' -f 1,2)\"]
ssh_pwauth: false"
    ssh="
  - [systemctl, enable, --now, ssh]"
fi

if [ -n "$wifi" ]; then
    is '[A-Z]{2}' "$country" "--country: write the two letters of the country whose rules hold for the radio, such as DE"
    password=$(head -n 1 "$secret") || fail "--wifi-password-file: \"$secret\" cannot be read"
    for text in "$wifi" "$password"; do
        is '[^"\\[:cntrl:]]{1,63}' "$text" "names and passwords of networks with quotation marks or backslashes: write them into $boot/network-config by hand"
    done
fi

cp "$package" "$boot/powerpi-pi.deb"
printf '%s\n' "$line" > "$boot/powerpi-invitation"
cat > "$boot/user-data" << END
#cloud-config
hostname: $name
manage_etc_hosts: true$users
write_files:
  - path: /usr/local/sbin/powerpi-first-start
    permissions: "0755"
    content: |
      #!/bin/sh
      # Installs the package from the card and joins the server, whose invitation is good once.
      card=/boot/firmware
      [ -e "\$card/powerpi-invitation" ] || exit 0
      apt-get install -y "\$card/powerpi-pi.deb" || exit 1
      for try in \$(seq 60); do
          if pi-publisher join --look 0 --pin $pin --pulses-per-kwh $constant < "\$card/powerpi-invitation"; then
              rm -f "\$card/powerpi-invitation" "\$card/powerpi-pi.deb"
              exit 0
          fi
          sleep 30
      done
      echo "this Pi has not joined; when it can reach the server, run: sudo powerpi-first-start" >&2
      exit 1
runcmd:$ssh
  - [systemd-run, --no-block, --unit, powerpi-first-start, /usr/local/sbin/powerpi-first-start]
END

if [ -n "$wifi" ]; then
    cat > "$boot/network-config" << END
network:
  version: 2
  wifis:
    wlan0:
      dhcp4: true
      optional: true
      regulatory-domain: "$country"
      access-points:
        "$wifi":
          password: "$password"
END
fi
echo "The card is ready. The Pi joins within some minutes of its first start; \`powerpi sites\` on the server tells."
