#!/usr/bin/env bash
# Installs the Debian packages that building, running and testing need, and only those missing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'HELP'
Usage: scripts/install-deps.sh [--check] [--bench]

Installs with apt what building, running and testing need: only what is missing. Debian 12 and 13,
Ubuntu 24.04; as root or through sudo.

  --check   installs nothing; lists what is missing, exit 1 when something is
  --bench   also what the benchmarks load with: wrk
  --help    this text
HELP
}

# docs/ARCHITECTURE.md says what each library is for. make: gcc optimizes the parts of a program in
# parallel through it, and warns when it is missing.
PACKAGES=(
    gcc libc6-dev make cmake ninja-build pkg-config
    libevent-dev libhiredis-dev libcurl4-openssl-dev libjansson-dev libssl-dev
    libsqlite3-dev libmariadb-dev libinih-dev libcmocka-dev
    ca-certificates curl nginx-light redis-server redis-tools mariadb-server spin nodejs
    python3 python3-pytest python3-redis python3-requests python3-hypothesis python3-yaml
    python3-jsonschema
)
BENCH_PACKAGES=(wrk)
POLICY=/usr/sbin/policy-rc.d

missing_packages() {
    local package
    for package in "${PACKAGES[@]}"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] ||
            printf '%s\n' "$package"
    done
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# The packages of servers start system services. The project runs servers of its own, so one that
# comes in through here is neither started nor enabled; one that was there stays as it is.
forbid_service_starts() {
    [[ -e $POLICY ]] && return
    trap 'as_root rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

# disable_service NAME
disable_service() {
    [[ -d /run/systemd/system ]] || return 0
    as_root systemctl disable --quiet "$1.service"
    say "The $1 service is left disabled: nothing here needs it."
}

install_packages() {
    local -a packages=("$@")
    step "Installing ${packages[*]}"
    apt -qq update || warn "apt-get update failed; trying with the package lists at hand"
    forbid_service_starts
    apt -q --yes install --no-install-recommends "${packages[@]}"
    if [[ " ${packages[*]} " == *' redis-server '* ]]; then
        disable_service redis-server
    fi
    if [[ " ${packages[*]} " == *' mariadb-server '* ]]; then
        disable_service mariadb
    fi
    if [[ " ${packages[*]} " == *' nginx-light '* ]]; then
        disable_service nginx
    fi
}

main() {
    local check=false argument
    for argument in "$@"; do
        case $argument in
        --check) check=true ;;
        --bench) PACKAGES+=("${BENCH_PACKAGES[@]}") ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
    done

    [[ -x /usr/bin/apt-get && -x /usr/bin/dpkg-query ]] ||
        die "This script knows Debian and Ubuntu. Elsewhere, install what these are: ${PACKAGES[*]}"

    local -a missing
    mapfile -t missing < <(missing_packages)
    if ((${#missing[@]} == 0)); then
        say "All ${#PACKAGES[@]} packages are installed."
    elif $check; then
        say "Missing: ${missing[*]}"
        exit 1
    elif ((EUID != 0)) && ! command -v sudo >/dev/null; then
        die "Run as root: apt-get install --no-install-recommends ${missing[*]}"
    else
        install_packages "${missing[@]}"
    fi
}

main "$@"
