#!/usr/bin/env bash
# Installs the pinned cargo-deny and cargo-machete where cargo keeps its programs, if they are not there.
# Unoptimised builds: they take a third of the time to build, and both still check this tree in seconds.
set -euo pipefail

want() {
    local name=$1 version=$2 installed
    installed=$("$name" --version 2>/dev/null || true)
    case " $installed " in
        *" $version "*) ;;
        *)
            printf '\n── %s %s\n' "$name" "$version"
            cargo install --quiet --locked --debug "$name@$version"
            ;;
    esac
}

want cargo-deny 0.20.2
want cargo-machete 0.9.2
