#!/usr/bin/env bash
# Every Rust test but the doc tests: by cargo-nextest where it is installed, a process for each test.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace --no-fail-fast
else
    # The actors' registry belongs to the process: one test at a time, then.
    cargo test --locked --workspace --lib --bins --tests --no-fail-fast -- --test-threads=1
fi
