#!/usr/bin/env bash
# Tries the second transport of containers, and what `hib` does with them: its image, what is left behind. Exit 77 (skipped)
# where there is no engine, unless HIBERNACULUM_REQUIRE names `docker`.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${HIBERNACULUM_IMAGE-} ]]; then
    [[ ,${HIBERNACULUM_REQUIRE-}, != *,docker,* ]] || exit 1
    echo "there is no container engine, or no image to make sandboxes of" >"${CI_SKIP_REASON:-/dev/stderr}"
    exit 77
fi
# With --workspace the dependencies have the features of the whole run before it: hib alone is built anew.
HIBERNACULUM_SMOKE=1 cargo test --workspace --test conformance -- docker-exec
exec cargo test --workspace --features hibernaculum-cli/docker --test hib -- containers
