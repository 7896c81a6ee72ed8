#!/usr/bin/env bash
# Runs the runner's own tests on one Python: `runner_tests.sh PYTHON`, with HIBERNACULUM_SMOKE=1 those about what differs
# between versions of CPython.
set -euo pipefail
cd "$(dirname "$0")/.."

# On a copy: bytecode that is left beside the sources would have cargo build the runner, and all that needs it, again.
copy=$(mktemp -d)
log=$(mktemp)
trap 'rm -rf "$log" "$copy"' EXIT
chmod 755 "$copy"
mkdir "$copy/runner"
cp -r runner/python "$copy/runner/"
# What its tests look at outside the runner.
ln -s "$PWD/docs" "$PWD/.ci" "$copy/"
cd "$copy/runner/python"

top=()
[[ ! -e tests/__init__.py ]] || top=(-t .)
export PYTHONPATH=$PWD
tests=(discover -s tests "${top[@]}")
if [[ ${HIBERNACULUM_SMOKE-} == 1 ]]; then
    PYTHONPATH+=:$PWD/tests
    tests=(test_boot test_codecache test_frozen test_handshake test_page test_portable_code test_portable_values)
    tests+=(test_session_async test_session_parts test_session_plain test_session_tracebacks)
fi
"$1" -W error::SyntaxWarning -m unittest "${tests[@]}" 2>&1 | tee "$log"
# Before 3.12 a run without tests succeeds.
if ! grep -qE '^Ran [1-9]' "$log"; then
    echo "no test ran"
    exit 1
fi
