#!/bin/bash
# Checks that the files of uPlot in web/assets/uplot are those that its author
# published on npm, byte by byte. Wants npm and the network.
set -euo pipefail
here=$(cd "$(dirname "$0")/../web/assets/uplot" && pwd)
version=$(cat "$here/VERSION")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v npm >/dev/null || { echo "npm is missing: apt-get install npm" >&2; exit 1; }
# npm pack compares the package with the checksum that the registry signs for.
(cd "$work" && npm pack --silent "uplot@$version" >/dev/null && tar xzf uplot-*.tgz)
for file in dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE; do
    cmp "$work/package/$file" "$here/$(basename "$file")"
done
echo "uPlot $version is as published"
