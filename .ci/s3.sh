#!/usr/bin/env bash
# Tests the checkpoint store over the S3 protocol, against a server that others wrote (moto, from PyPI): `s3.sh PYTHON FOLDER`.
# Exit 77 (skipped) where it cannot be installed, unless HIBERNACULUM_REQUIRE names `s3`.
set -euo pipefail

python=$1 folder=$2
if [[ ! -e $folder/ready ]]; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
    if ! "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check --retries 2 'moto[server,s3]'; then
        [[ ,${HIBERNACULUM_REQUIRE-}, != *,s3,* ]] || exit 1
        echo "moto could not be installed for $python" >"${CI_SKIP_REASON:-/dev/stderr}"
        exit 77
    fi
    touch "$folder/ready"
fi
export HIBERNACULUM_S3_PYTHON=$folder/bin/python3
exec cargo test --package hibernaculum-checkpoint-store --features s3 --lib -- --include-ignored
