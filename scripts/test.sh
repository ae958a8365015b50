#!/usr/bin/env bash
# Builds with sanitizers and runs every test.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'HELP'
Usage: scripts/test.sh [options]

Installs what is missing, builds with AddressSanitizer and UndefinedBehaviorSanitizer (warnings are
errors) into build/asan/, and runs the unit tests, the simulation and the end-to-end tests.

  --filter REGEX   only the tests whose name matches
  --seeds N        seeds of the refresh simulation (default 20000: about 80 s of one core;
                   100000 take about 7 minutes, less with more cores)
  --jobs N         tests at once (default: one for each core)
  --help           this text
HELP
}

filter='' seeds=20000 jobs=$(job_count)

# Dies unless $2 is a number above zero.
require_number() {
    [[ $2 =~ ^[1-9][0-9]*$ ]] || die "$1 needs a number, not '$2'"
}

while (($# > 0)); do
    case $1 in
    --filter | --seeds | --jobs)
        (($# >= 2)) || die "$1 needs a value; see --help"
        case $1 in
        --filter) filter=$2 ;;
        --seeds) require_number "$1" "$2" && seeds=$2 ;;
        --jobs) require_number "$1" "$2" && jobs=$2 ;;
        esac
        shift 2
        ;;
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

"$HOUSE_ROOT/scripts/install-deps.sh"
configure_preset asan -DHOUSE_WERROR=ON "-DSIM_SEEDS=$seeds"
build_targets asan

step "Testing"
cd "$HOUSE_ROOT"
exec ctest --preset asan --parallel "$jobs" --output-on-failure --no-tests=error \
    ${filter:+--tests-regex "$filter"}
