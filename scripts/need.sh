#!/usr/bin/env bash
# Installs the Debian packages that `make run`, `make test`, `make bench` or the laboratory of `make chaos` lack; says
# what to run when it may not.
set -euo pipefail

# Where Debian keeps what root uses; another user's shell may not look there.
PATH="$PATH:/usr/sbin:/sbin"
purpose=${1:?usage: need.sh run|test|bench|lab}
missing=()

# A command and the packages that bring it.
want() {
    local command=$1
    shift
    command -v "$command" >/dev/null || missing+=("$@")
}

stop() {
    printf '%s\n' "$1" >&2
    exit 1
}

want cc gcc libc6-dev
if [ "$purpose" = test ]; then
    want chromium chromium
    want shellcheck shellcheck
    want python3 python3
    want mkfs.ext4 e2fsprogs
    want ip iproute2
    want faketime faketime
fi
if [ "$purpose" = bench ]; then
    want chromium chromium
    want ip iproute2
    want nft nftables
fi
if [ "$purpose" = lab ]; then
    want unshare util-linux
    want nsenter util-linux
    want prlimit util-linux
    want ip iproute2
    want nft nftables
    want faketime faketime
    want mkfs.ext4 e2fsprogs
    want python3 python3
fi

if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -eq 0 ]; then
        as_root=(env)
    elif sudo --non-interactive true 2>/dev/null; then
        as_root=(sudo --non-interactive env)
    else
        stop "Missing: run 'sudo apt-get install --yes ${missing[*]}', then this again."
    fi
    command -v apt-get >/dev/null || stop "Missing, and there is no apt-get here to install it with: ${missing[*]}"
    printf '\n── packages from apt: %s\n' "${missing[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}"
fi

command -v cargo >/dev/null || stop 'Missing: Rust (cargo) 1.95 or newer.'
command -v npm >/dev/null || stop 'Missing: Node.js 20.19 or newer, with npm.'
node --eval '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);
' || stop "Node.js 20.19 or newer is needed, this is $(node --version)."
