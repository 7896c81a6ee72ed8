# What one types while working here; `just` alone lists it. CI runs `.ci/run`, which is `just ci`.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# Lay out all code, Rust and Python
fmt:
    cargo fmt --all
    bash .ci/lint_scripts.sh --fix

# Everything that judges sources without running them
lint: lint-scripts
    python3 .ci/house.py
    python3 .ci/dependency_direction.py
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# All tests on the default Python; words choose tests by name
test *words:
    cargo test --workspace {{ words }}

# The same under nextest: each test in a process of its own, with a time limit
nextest *words:
    cargo nextest run --workspace {{ words }}

# The conformance suite on one Python: `just conformance python3.8`
conformance python="python3":
    bash .ci/conformance.sh "$(command -v {{ python }})"

# The Python side: lints, types, and the runner's own tests on every CPython found
python: lint-scripts
    python3 .ci/pythons.py | while read -r roles version python; do \
        echo "== $version ($roles)"; bash .ci/runner_tests.sh "$python" </dev/null; \
    done

# Any bytes at all against the wire, for so many seconds a target
fuzz seconds="60":
    HIBERNACULUM_FUZZ_SECONDS={{ seconds }} cargo test -p hibernaculum-tests --test fuzz

# The documentation, warnings denied; `just docs --open` shows it
docs *flags:
    RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps {{ flags }}

# Licences, bans and sources of every dependency
deny:
    bash .ci/deny.sh

# Benches beside their floors, pinned to one core
bench *words:
    taskset --cpu-list 0 cargo bench --workspace {{ words }}

# The tests that take an hour: load, leaks, fuzzing
long *words:
    HIBERNACULUM_LONG=1 cargo test --release --workspace {{ words }}

# The whole of CI on this machine
ci:
    .ci/run

# Python and shell lints and the runner's types, with pinned tools that this installs
[private]
lint-scripts:
    bash .ci/lint_scripts.sh
