#!/usr/bin/env bash
# Holds the mock backend to its promises where there is no python3 at all: it must need none.
set -euo pipefail
cd "$(dirname "$0")/.."

# Built with what the machine has; run with an empty PATH.
mapfile -t binaries < <(
    cargo test --workspace --no-run --message-format json --test mock --test agent_with_script --test agent_with_cassette \
        --test retries_with_faults |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
)
((${#binaries[@]} == 5)) || {
    echo "expected two test binaries called mock, and three examples, found ${#binaries[@]}"
    exit 1
}
for binary in "${binaries[@]}"; do
    (cd "$(dirname "$binary")/../../../tests" && env -i PATH=/nowhere "$binary")
done
