#!/usr/bin/env bash
# Installs the cargo programs that the checks and tests use where cargo keeps its programs, if they are not
# there. Unoptimised builds: much quicker to make, and still done with this tree in seconds.
set -euo pipefail

has() {
    local said
    said=$("$1" --version 2>/dev/null) && grep --quiet --word-regexp --fixed-strings "$2" <<<"$said"
}

get() {
    printf '\n── %s\n' "$1"
    cargo install --quiet --locked --debug "$@"
}

has cargo-deny 0.20.2 || get cargo-deny@0.20.2
has cargo-machete 0.9.2 || get cargo-machete@0.9.2
# Any nextest will do. It runs each test in a process of its own, and ractor's registry is one for the process.
has cargo-nextest cargo-nextest || get cargo-nextest@0.9.151 --no-default-features --features default-no-update
