#!/usr/bin/env bash
# Runs the runner's own tests on one Python: `runner_tests.sh PYTHON`, with HIBERNACULUM_SMOKE=1 those about what differs
# between versions of CPython.
set -euo pipefail
cd "$(dirname "$0")/.."

# On a copy: bytecode that is left beside the sources would have cargo build the runner, and all that needs it, again.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
chmod 755 "$copy"
mkdir "$copy/runner"
cp -r runner/python "$copy/runner/"
# What its tests look at outside the runner.
ln -s "$PWD/docs" "$PWD/.ci" "$copy/"
cd "$copy/runner/python"

export PYTHONPATH=$PWD:$PWD/tests
modules=(test_boot test_codecache test_frozen test_handshake test_page test_portable_code test_portable_values)
modules+=(test_session_async test_session_parts test_session_plain test_session_tracebacks)
if [[ ${HIBERNACULUM_SMOKE-} != 1 ]]; then
    modules=(tests/test_*.py)
    modules=("${modules[@]#tests/}")
    modules=("${modules[@]%.py}")
fi

# They wait for half of their time, so that two lanes run at a time, each with every second module.
lane() {
    local mine=() number
    for ((number = $2; number < ${#modules[@]}; number += 2)); do mine+=("${modules[number]}"); done
    "$1" -W error::SyntaxWarning -m unittest "${mine[@]}"
}
lane "$1" 0 >"$copy/first" 2>&1 &
first=$!
lane "$1" 1 2>&1 | tee "$copy/second" || failed=1
wait "$first" || failed=1
cat "$copy/first"
# Before 3.12 a run without tests succeeds.
for log in "$copy/first" "$copy/second"; do
    if ! grep -qE '^Ran [1-9]' "$log"; then
        echo "no test ran"
        exit 1
    fi
done
exit "${failed:-0}"
