#!/usr/bin/env bash
# Runs the conformance suite on one Python: `conformance.sh PYTHON`, with HIBERNACULUM_SMOKE=1 its smoke subset.
set -euo pipefail
cd "$(dirname "$0")/.."

export HIBERNACULUM_PYTHON=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# With --workspace the dependencies have the features of the whole run before it: nothing is built twice.
# Containers bring a Python of their own, and what a remote service adds is the tunnel: the run on the default Python has held both to all of it.
skipped=(--skip docker)
if [[ ${HIBERNACULUM_SMOKE-} != 1 ]]; then
    skipped+=(--skip daytona)
    HIBERNACULUM_SMOKE=1 cargo test --workspace --test conformance -- daytona-stand-in::
fi
cargo test --workspace --test conformance -- "${skipped[@]}" 2>&1 | tee "$log"
# A suite that lost its cases must not pass for a green one.
ran=$(sed -n 's/^running \([0-9]*\) tests*$/\1/p' "$log")
wanted=100
[[ ${HIBERNACULUM_SMOKE-} != 1 ]] || wanted=8
if ((${ran:-0} < wanted)); then
    echo "only ${ran:-0} cases ran, of at least $wanted"
    exit 1
fi
