#!/usr/bin/env bash
# Judges licences, bans and sources of every dependency by deny.toml. Builds cargo-deny where it is missing (a minute).
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
tools=$PWD/target/ci/tools
PATH=$tools/bin:$PATH
if ! command -v cargo-deny >/dev/null; then
    # A debug build takes a third of the time, and the check itself a second either way.
    CARGO_PROFILE_DEV_DEBUG=0 timeout 900 \
        cargo install --quiet --locked --debug --version $version cargo-deny --root "$tools" --target-dir "$tools/build" || {
        echo "cargo-deny $version is not installed and could not be built here" >"${CI_SKIP_REASON:-/dev/stderr}"
        exit 77
    }
    rm -rf "$tools/build"
fi
cargo-deny --log-level error check licenses bans sources
