#!/usr/bin/env bash
# Tries the second transport of containers, with the whole suite (`--smoke`: a subset of it), and what `hib` does with them: its image, what is left
# behind. Exit 77 (skipped) where there is no engine, unless HIBERNACULUM_REQUIRE names `docker`.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${HIBERNACULUM_IMAGE-} ]]; then
    lacking="there is no container engine, or no image to make sandboxes of"
    if [[ ,${HIBERNACULUM_REQUIRE-}, == *,docker,* ]]; then
        echo "HIBERNACULUM_REQUIRE demands \`docker\`, but $lacking: HIBERNACULUM_IMAGE names none, and .ci/test_image.sh made none" >&2
        exit 1
    fi
    echo "$lacking" >"${CI_SKIP_REASON:-/dev/stderr}"
    exit 77
fi

# Of our containers, started or not, those whose program has ended: a program that lives has its own.
left_over() {
    docker ps --all --filter "label=hibernaculum.owner=$(id -u)" \
        --format '{{.Label "hibernaculum.host"}} {{.Names}} ({{.Status}})' | while read -r _ _ pid _ container; do
        [[ -d /proc/$pid ]] || echo "$container"
    done
}

# The engine may be removing the last ones still.
nothing_is_left_of() {
    local left
    for _ in {1..50}; do
        left=$(left_over)
        [[ -n $left ]] || return 0
        sleep 0.2
    done
    printf 'containers are left of %s:\n%s\n' "$1" "$left" >&2
    return 1
}

# With --workspace the dependencies have the features of the whole run before it: hib alone is built anew.
extent=HIBERNACULUM_LONG
[[ ${1-} != --smoke ]] || extent=HIBERNACULUM_SMOKE
env $extent=1 cargo test --workspace --test conformance -- docker-exec
nothing_is_left_of "the suite over execs"
cargo test --workspace --features hibernaculum-cli/docker --test hib -- containers
nothing_is_left_of "the tests of hib"
