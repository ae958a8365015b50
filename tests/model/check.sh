#!/usr/bin/env bash
# Has spin look at every state of the refresh protocol's model, or refute a broken one.
set -euo pipefail
MODEL=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
source "$MODEL/../../scripts/lib.sh"

usage() {
    cat <<'HELP'
Usage: tests/model/check.sh holds CHECK
       tests/model/check.sh refutes MACRO PROPERTY

holds    exit 0 only if every state was looked at, no property is broken, nothing stalls, and every
         step of the model is taken somewhere. CHECK is one of
           any_faults            2 tokends, any number of faults and of refreshes
           any_faults_late_calls the same, and WeChat carries out calls that were given up
           three_tokends         3 tokends, 3 faults
           late_calls            2 tokends, 4 faults, and calls that were given up
           eventually_fresh      2 tokends, 4 faults: the LTL property of that name
           late_calls_eventually_fresh
                                 2 tokends, 3 faults, and calls that were given up
refutes  exit 0 only if spin finds that PROPERTY is broken where the rule of MACRO is
HELP
}

# What a search says of itself when it did not see everything.
TRUNCATED='max search depth too small|memory limit|out of memory|Search not completed|aborted'

# The macros of the model, and the flags of the compiler.
model=() compiler=()

# Leaves pan in the current folder.
build_pan() {
    spin -a "${model[@]}" "$MODEL/refresh.pml" >spin.log || die "$(<spin.log)"
    "${CC:-cc}" -w -DNOREDUCE -DMEMLIM=1000 "${compiler[@]}" -o pan pan.c
}

# The steps to what pan found, if it found something.
tell_trail() {
    [[ -e refresh.pml.trail ]] || return 0
    spin -t -T -k refresh.pml.trail "${model[@]}" "$MODEL/refresh.pml" |
        grep -E '^ *[0-9]+: ' || true
}

# The steps that no run takes. The end of a process is none: with endless faults it has none.
unreached_steps() {
    grep -E '^\s.*\.pml:[0-9]+, state [0-9]+, ' pan.log | grep -v '"-end-"' || true
}

holds() {
    local search=(-m4000000 -w24)
    compiler=(-O2 -DSAFETY -DNOCLAIM)
    case $1 in
    any_faults) model=(-DUNBOUNDED) ;;
    any_faults_late_calls) model=(-DUNBOUNDED -DLATE_CALLS) ;;
    three_tokends) model=(-DTOKENDS=3 -DFAULTS=3) ;;
    late_calls) model=(-DFAULTS=4 -DLATE_CALLS) ;;
    eventually_fresh) model=(-DFAULTS=4) compiler=(-O2) search+=(-a) ;;
    late_calls_eventually_fresh) model=(-DFAULTS=3 -DLATE_CALLS) compiler=(-O2) search+=(-a) ;;
    *) die "No check is called $1; see --help" ;;
    esac
    build_pan
    ./pan "${search[@]}" >pan.log 2>&1 || true
    grep -E '^pan:[0-9]|errors:|states, stored|total actual memory|elapsed' pan.log || true
    tell_trail
    grep -q 'errors: 0$' pan.log || die "The model breaks a property"
    ! grep -E "$TRUNCATED" pan.log || die "Not every state was looked at"
    [[ -z $(unreached_steps) ]] || die "Steps that are never taken:
$(unreached_steps)"
}

# A search for the shortest way, but for the LTL property, whose counterexample is a cycle.
refutes() {
    local macro=$1 property=$2
    local search=(-i -m2000 -w18) found="assertion violated $property "
    grep -qw "$macro" "$MODEL/refresh.pml" || die "The model knows no $macro"
    model=(-DFAULTS=2 "-D$macro")
    compiler=(-O0 -DSAFETY -DNOCLAIM -DREACH)
    if [[ $property == eventually_fresh ]]; then
        compiler=(-O0)
        search=(-a -E -m2000 -w18)
        found='acceptance cycle'
    fi
    build_pan
    ./pan "${search[@]}" >pan.log 2>&1 || true
    tell_trail
    grep -F "$found" pan.log | tail -n 1 | grep . ||
        die "Spin does not find that $macro breaks $property:
$(grep -E '^pan:[0-9]|errors:' pan.log)"
}

main() {
    case $#:${1:-} in
    1:--help | 1:-h)
        usage
        return
        ;;
    2:holds | 3:refutes) ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    cd "$WORK"
    "$@"
}

main "$@"
