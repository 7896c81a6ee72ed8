#!/usr/bin/env bash
# Holds the mock backend to its promises where there is no python3 at all: it must need none.
set -euo pipefail
cd "$(dirname "$0")/.."

# Built with what the machine has; run with an empty PATH. Of the libraries' own tests, those of the mock.
mapfile -t binaries < <(
    cargo test --workspace --no-run --message-format json --lib --test mock --test agent_with_script \
        --test agent_with_cassette --test retries_with_faults |
        grep -E '"name":"(hibernaculum_backend_mock|mock|agent_with_script|agent_with_cassette|retries_with_faults)"' |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
)
((${#binaries[@]} == 6)) || {
    echo "expected two test binaries called mock, three examples and the mock's own tests, found ${#binaries[@]}"
    exit 1
}
for binary in "${binaries[@]}"; do
    (cd "$(dirname "$binary")/../../../tests" && env -i PATH=/nowhere "$binary")
done
