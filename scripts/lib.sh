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

# build_preset PRESET [-DNAME=VALUE ...]: configures and builds into build/PRESET.
build_preset() {
    local preset=$1
    shift
    step "Configuring ($preset)"
    (cd "$HOUSE_ROOT" && cmake --preset "$preset" "$@")
    step "Building ($preset)"
    (cd "$HOUSE_ROOT" && cmake --build --preset "$preset" --parallel "$(job_count)")
}
