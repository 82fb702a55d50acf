#!/usr/bin/env bash
# `npm ci` in the folder given, by npm 11: older ones read the lock file's optional packages otherwise.
set -euo pipefail
cd "${1:?usage: npm-ci.sh FOLDER}"

quiet=(--no-audit --no-fund --no-update-notifier)
major=$(npm --version | cut --delimiter=. --fields=1)
if [ "$major" -ge 11 ]; then
    npm ci "${quiet[@]}"
else
    npx --yes npm@11 ci "${quiet[@]}"
fi
