#!/usr/bin/env bash
# Makes a virtual environment with the libraries that some cases are about: `libraries.sh PYTHON FOLDER`.
# Exit 77 (skipped) where no package index can be reached, unless HIBERNACULUM_REQUIRE names `python-libraries`.
set -euo pipefail

python=$1 folder=$2
libraries=(numpy pandas matplotlib plotly cloudpickle)
rm -rf "$folder"
"$python" -m venv "$folder"
if "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check --retries 2 --only-binary :all: "${libraries[@]}"; then
    "$folder/bin/python3" -m pip freeze
    touch "$folder/ready"
    exit
fi
[[ ,${HIBERNACULUM_REQUIRE-}, != *,python-libraries,* ]] || exit 1
echo "${libraries[*]} could not be installed for $python" >"${CI_SKIP_REASON:-/dev/stderr}"
exit 77
