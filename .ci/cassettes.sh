#!/usr/bin/env bash
# Records the cassettes that the mock plays anew, against the CPython 3.11 of Debian 12, and compares: the mock must not
# lie about the real thing. Exit 77 (skipped) where that Python is not there, unless HIBERNACULUM_REQUIRE names `cassettes`.
#
# Two runs of one program may differ by which of two things was first. So what differs is recorded once more, alone, and
# again: what is told as it stands in the cassette once can be told so, and what is never told so is a lie.
set -euo pipefail
cd "$(dirname "$0")/.."

python=/usr/bin/python3.11
if [[ ! -x $python ]]; then
    why="$python is not there, of which the cassettes are"
    if [[ ,${HIBERNACULUM_REQUIRE-}, == *,cassettes,* ]]; then
        echo "$why"
        exit 1
    fi
    echo "$why" >"${CI_SKIP_REASON:-/dev/stderr}"
    exit 77
fi
unset HIBERNACULUM_RECORD
export HIBERNACULUM_CASSETTES=compare HIBERNACULUM_PYTHON=$python
log=$(mktemp)
trap 'rm -f "$log"' EXIT
compare() { cargo test --workspace --test cassettes -- "$@" 2>&1 | tee "$log"; }

compare && exit
mapfile -t differing < <(sed -n 's/^test recorded-anew::\([a-z0-9_]*\) .* FAILED$/\1/p' "$log")
# More than a few are no chance; none at all means that it was not built, say.
((${#differing[@]} > 0 && ${#differing[@]} <= 5)) || exit 1
for name in "${differing[@]}"; do
    printf '\n%s differs: once more\n' "$name"
    compare --exact "recorded-anew::$name" || compare --exact "recorded-anew::$name" || exit 1
done
