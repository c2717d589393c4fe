#!/bin/bash
# Makes what belongs on a release's page from packages that are built: deploy/release.sh PACKAGES FOLDER
#
# In FOLDER there are then the packages and tarballs, their checksums (SHA256SUMS), a list of all crates that PowerPi and its tests are
# built of (powerpi_VERSION.cdx.json, in CycloneDX's format), the notes (NOTES.md, from CHANGELOG.md), and apt/, a repository for apt
# that any web server can serve. SIGN_WITH=KEY signs it with that key of gpg's.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: deploy/release.sh PACKAGES FOLDER" >&2; exit 2; }
packages=$(readlink -f "$1")
mkdir -p "$2"
folder=$(readlink -f "$2")
cd "$(dirname "$0")/.."
version=${POWERPI_VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || stat -c %Y CHANGELOG.md)}

debs=("$packages"/powerpi-*_"$version"_*.deb)
[ -e "${debs[0]}" ] || { echo "$1 has no packages of version $version; run make packages" >&2; exit 1; }
# What a version has changed: from its heading to the next one.
notes=$(awk -v "version=$version" '/^## / { told = ($2 == version); next } told' CHANGELOG.md)
[ -n "$notes" ] || { echo "CHANGELOG.md says nothing of version $version" >&2; exit 1; }

if [ -n "$(ls -A "$folder")" ] && [ ! -e "$folder/SHA256SUMS" ]; then
    echo "$2 holds something else; name an empty folder" >&2
    exit 1
fi
# Made beside it and then moved: what is there is whole.
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "${debs[@]}" "$work"
for tarball in "$packages"/powerpi-*_"$version"_*.tar.gz; do
    [ ! -e "$tarball" ] || cp "$tarball" "$work"
done
printf '%s\n' "$notes" | sed '/./,$!d' > "$work/NOTES.md"

# Each crate of Cargo.lock with its checksum; those without one are ours.
awk -v "version=$version" -v "at=$(date --utc --date="@$epoch" +%FT%TZ)" '
    function tell() {
        if (name == "" || sum == "") return
        printf "%s\n    {\"type\":\"library\",\"name\":\"%s\",\"version\":\"%s\",\"purl\":\"pkg:cargo/%s@%s\",\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"%s\"}]}", \
            (told++ ? "," : ""), name, number, name, number, sum
    }
    BEGIN {
        printf "{\n  \"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"version\":1,\n"
        printf "  \"metadata\":{\"timestamp\":\"%s\",\"component\":{\"type\":\"application\",\"name\":\"powerpi\",\"version\":\"%s\"}},\n  \"components\":[", at, version
    }
    /^\[\[package\]\]/ { tell(); name = number = sum = "" }
    /^name = / { name = $3 } /^version = / { number = $3 } /^checksum = / { sum = $3 }
    { gsub(/"/, "", name); gsub(/"/, "", number); gsub(/"/, "", sum) }
    END { tell(); print "\n  ]\n}" }' Cargo.lock > "$work/powerpi_$version.cdx.json"

# A flat repository: deb [signed-by=…] https://…/apt ./
mkdir "$work/apt"
for deb in "${debs[@]}"; do
    file=$(basename "$deb")
    ln "$work/$file" "$work/apt/$file"
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -d ' ' -f 1)"
done > "$work/apt/Packages"
gzip -9n < "$work/apt/Packages" > "$work/apt/Packages.gz"
(
    cd "$work/apt"
    printf 'Origin: PowerPi\nLabel: PowerPi\nSuite: stable\nDate: %s\nArchitectures: %s\nSHA256:\n' \
        "$(LC_ALL=C date --utc --date="@$epoch" '+%a, %d %b %Y %T UTC')" "$(sed -n 's/^Architecture: //p' Packages | sort -u | xargs)"
    for file in Packages Packages.gz; do
        printf ' %s %s %s\n' "$(sha256sum < $file | cut -d ' ' -f 1)" "$(stat -c %s $file)" $file
    done
) > "$work/apt/Release"
if [ -n "${SIGN_WITH:-}" ]; then
    gpg --batch --yes --local-user "$SIGN_WITH" --clearsign --output "$work/apt/InRelease" "$work/apt/Release"
    gpg --batch --yes --local-user "$SIGN_WITH" --export > "$work/apt/powerpi.gpg"
fi

(cd "$work" && find . -maxdepth 1 -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- > "$work.sums" && mv "$work.sums" SHA256SUMS)
find "$work" -exec touch --no-dereference --date="@$epoch" {} +
chmod 755 "$work"
rm -rf "$folder"
mv "$work" "$folder"
trap - EXIT
echo "$folder: version $version, ${#debs[@]} packages$([ -n "${SIGN_WITH:-}" ] || echo ", not signed")"
