#!/usr/bin/env bash
# Judges the stand-in for Daytona by the official Python SDK, from PyPI: `daytona_sdk.sh PYTHON FOLDER`. The SDK stays in the folder.
# Exit 77 (skipped) where it cannot be installed, unless HIBERNACULUM_REQUIRE names `daytona-sdk`.
set -euo pipefail

python=$1 folder=$2
# The release of the specs in testkit/daytona-spec.
sdk=daytona==0.205.1
if [[ $(cat "$folder/ready" 2>/dev/null) != "$sdk" ]]; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
    if ! "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check --retries 2 --only-binary :all: "$sdk"; then
        [[ ,${HIBERNACULUM_REQUIRE-}, != *,daytona-sdk,* ]] || exit 1
        echo "$sdk could not be installed for $python" >"${CI_SKIP_REASON:-/dev/stderr}"
        exit 77
    fi
    echo "$sdk" >"$folder/ready"
fi
export HIBERNACULUM_DAYTONA_SDK=$folder/bin/python3
# With --workspace nothing is built twice; but then the tests of the backend have the same name, and have run.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --workspace --test daytona -- --include-ignored official_sdk every_exception_from_the_specs | tee "$log"
if ! grep -q '^test result: ok. 4 passed' "$log"; then
    echo "not all four ran"
    exit 1
fi
