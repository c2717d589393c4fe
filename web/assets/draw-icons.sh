#!/bin/bash
# Draws the icons for places that take no SVG from icon.svg, with Chromium; run it after a change there.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# draw SVG PIXELS BACKGROUND FILE
draw() {
    timeout 60 chromium --headless --no-sandbox --hide-scrollbars --user-data-dir="$work/profile" \
        --force-device-scale-factor=1 --window-size="$2,$2" --default-background-color="$3" \
        --screenshot="$work/icon.png" "file://$1" 2> /dev/null
    mv "$work/icon.png" "$4"
}

# Telephones cut the corners off by themselves, each in its own way, and keep a circle of four fifths
# of the width: the lightning lies in it already, only the ground has to go up to the edge.
sed 's/ rx="8"//' icon.svg > "$work/whole.svg"
draw "$PWD/icon.svg" 192 00000000 icon-192.png
draw "$PWD/icon.svg" 512 00000000 icon-512.png
draw "$work/whole.svg" 512 ffffffff icon-maskable.png
draw "$work/whole.svg" 180 ffffffff icon-touch.png
