# shellcheck shell=bash
# What a bare Debian 12 lacks for this house, installed if it may be; sourced by `.ci/run`.

# Installs Debian packages, as root or with a sudo that asks nothing. False, with the command to run, where neither is.
install_packages() {
    local as_root=()
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            echo "missing here, and no right to install it: sudo apt-get install $*" >&2
            return 1
        fi
        as_root=(sudo -n)
    fi
    "${as_root[@]}" apt-get update -qq || true
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

prepare_machine() {
    local missing=()
    command -v cc >/dev/null || missing+=(build-essential)
    command -v git >/dev/null || missing+=(git)
    command -v python3 >/dev/null || missing+=(python3)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    # The image that containers are tested with is made of Debian's packages, and an engine behind TLS has certificates; where
    # docker is not required, nobody needs either.
    if [[ ,${HIBERNACULUM_REQUIRE-}, == *,docker,* ]]; then
        command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
        command -v openssl >/dev/null || missing+=(openssl)
    fi
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}" || true

    # shellcheck source=/dev/null
    command -v cargo >/dev/null || [[ ! -e $HOME/.cargo/env ]] || . "$HOME/.cargo/env"
    if ! command -v cargo >/dev/null; then
        echo "there is no cargo on this machine, and CI does not download toolchains."
        echo "Install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer with rustfmt and clippy, then run this again."
        return 1
    fi
}

# Makes the image that containers are tested with, and says which it is; without an engine there is none, and tests say so.
name_test_image() {
    docker version >/dev/null 2>&1 || return 0
    # An image that somebody names is meant.
    [[ -z ${HIBERNACULUM_IMAGE-} ]] || return 0
    # A machine that may not make one is no failure here: the tests are, where docker is required.
    export HIBERNACULUM_IMAGE
    HIBERNACULUM_IMAGE=$(timeout 900 bash .ci/test_image.sh) || unset HIBERNACULUM_IMAGE
}

# Starts the container engine where it is installed, required and not up; the one that we start ends with us.
start_container_engine() {
    [[ ,${HIBERNACULUM_REQUIRE-}, == *,docker,* ]] || return 0
    docker version >/dev/null 2>&1 && return 0
    command -v dockerd >/dev/null || return 0
    mkdir -p target/ci
    dockerd >target/ci/dockerd.log 2>&1 &
    local engine=$!
    # shellcheck disable=SC2064 # the pid of now
    trap "kill $engine 2>/dev/null; ci_tidy" EXIT
    for _ in $(seq 60); do
        docker version >/dev/null 2>&1 && return 0
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.5
    done
    echo "the container engine did not come up:" && tail -5 target/ci/dockerd.log
}
