#!/usr/bin/env bash
# The Daytona backend in its other ways: all of the suite before a stand-in that misbehaves, some of it through the preview URL; and `hib` with it.
# No service is asked.
set -euo pipefail
cd "$(dirname "$0")/.."

# What goes wrong makes a case wait, hardly work: more run at a time than there are processors.
HIBERNACULUM_LONG=1 cargo test --workspace --test conformance -- daytona-stand-in-faults --test-threads 6
HIBERNACULUM_SMOKE=1 cargo test --workspace --test conformance -- daytona-stand-in-preview
exec cargo test --workspace --features hibernaculum-cli/daytona --test hib -- remote
