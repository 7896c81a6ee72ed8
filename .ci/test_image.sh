#!/usr/bin/env bash
# Makes the container image that tests run in, from Debian's packages: `test_image.sh` makes it unless it is there and
# prints its name, `--name` only prints the name. No registry is asked; root or a user namespace is needed.
set -euo pipefail

suite=bookworm
packages=(python3 python3-pip python3-numpy python3-pandas python3-matplotlib python3-plotly)
# What matplotlib's packages depend on and never run, some 800 MB of it: compilers, headers, the rest of science.
needless='-dev$|^(gcc|g[+][+]|cpp)(-[0-9]+)?$|^(binutils|lib[alt]san|libubsan)|^(python3-(pythran|scipy|sympy)|unicode-data)$'
mirror=${HIBERNACULUM_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# What is in it is decided here and in nothing else: the name changes with the recipe, so a changed one is made anew.
recipe="$suite ${packages[*]} $needless $(dpkg --print-architecture 2>/dev/null || uname -m) 1"
name=hibernaculum-test:$(printf %s "$recipe" | sha256sum | cut -c 1-16)

if [[ ${1-} == --name ]]; then
    echo "$name"
    exit
fi
if docker image inspect "$name" >/dev/null 2>&1; then
    echo "$name"
    exit
fi
command -v mmdebstrap >/dev/null || {
    echo "mmdebstrap is missing: sudo apt-get install mmdebstrap" >&2
    exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# What a sandbox has no use for is left out: documentation, translations, downloaded packages.
# shellcheck disable=SC2016 # the hooks' own `$1`: the root of the image
mmdebstrap --quiet --variant=minbase --include="$(IFS=, && echo "${packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Retries "3"' \
    --customize-hook='chroot "$1" dpkg-query --show --showformat "\${Package}\n" | grep -Ee "'"$needless"'" |
        xargs chroot "$1" dpkg --purge --force-depends >/dev/null 2>&1' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    "$suite" "$folder/image.tar" "$mirror" >&2
# The unfinished image has no name: whoever looks for one finds it whole or not at all.
docker import --change 'ENV LANG=C.UTF-8' --change 'CMD ["python3"]' "$folder/image.tar" "$name" >/dev/null
echo "$name"
