#!/usr/bin/env bash
# Runs the runner's own tests on one Python: `runner_tests.sh PYTHON`.
set -euo pipefail
cd "$(dirname "$0")/../runner/python"

top=()
[[ ! -e tests/__init__.py ]] || top=(-t .)
export PYTHONPATH=$PWD
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$1" -W error::SyntaxWarning -m unittest discover -s tests "${top[@]}" 2>&1 | tee "$log"
# Before 3.12 a run without tests succeeds.
if ! grep -qE '^Ran [1-9]' "$log"; then
    echo "no test ran"
    exit 1
fi
