# shellcheck shell=bash
# lib.sh - what the scripts share: where the checkout is, words for people, builds. Sourced, not run.

HOUSE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Colours for a person at a terminal, none in a log.
# shellcheck disable=SC2034 # used by those who source this file
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
    # shellcheck disable=SC2034
    BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
step() { printf '%s==> %s%s\n' "$BOLD" "$*" "$PLAIN"; }
warn() { printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2; }
die() {
    warn "$*"
    exit 1
}

# How many jobs the machine can take: one for each core, but no more than memory allows (a compiler
# with sanitizers takes about half a gigabyte).
job_count() {
    local cores memory_mb
    cores=$(nproc)
    memory_mb=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    local fit=$((memory_mb / 512))
    ((fit >= 1)) || fit=1
    ((cores < fit)) && fit=$cores
    printf '%s\n' "$fit"
}

# One at a time in a build folder: two scripts may be started side by side.
with_build_lock() (
    mkdir -p "$HOUSE_ROOT/build"
    exec 9>"$HOUSE_ROOT/build/.lock"
    flock 9
    cd "$HOUSE_ROOT" || exit
    "$@"
)

# configure_preset PRESET [-DNAME=VALUE ...]
configure_preset() {
    step "Configuring ($1)"
    with_build_lock cmake --preset "$@"
}

# build_targets PRESET [TARGET ...]: all without any.
build_targets() {
    local preset=$1
    shift
    step "Building ($preset)"
    with_build_lock cmake --build --preset "$preset" --parallel "$(job_count)" \
        ${1:+--target "$@"}
}
