#!/usr/bin/env bash
# The Daytona backend in its other ways: through the preview URL, and before a stand-in that misbehaves; and `hib` with it. No service is asked.
set -euo pipefail
cd "$(dirname "$0")/.."

HIBERNACULUM_SMOKE=1 cargo test --workspace --test conformance -- daytona-stand-in-
exec cargo test --workspace --features hibernaculum-cli/daytona --test hib -- remote
