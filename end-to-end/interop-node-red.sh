#!/bin/bash
# Fetches Node-RED from npm into .cache/node-red, once; delete that folder to have a newer one. 5 wants a newer Node.js than
# there is here.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e .cache/node-red/node_modules/node-red/package.json ] && exit
mkdir -p .cache/node-red
npm install --no-audit --no-fund --loglevel=error --prefix .cache/node-red node-red@4
