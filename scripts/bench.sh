#!/usr/bin/env bash
# Measures what tokend and loginsvc cost and how fast they are, beside peers on the same machine.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'HELP'
Usage: scripts/bench.sh [tokend|loginsvc|all] [--apps N]

Installs what is missing, builds a release, runs it with a private Redis and wxsim (a stand-in for
api.weixin.qq.com) on free ports of 127.0.0.1, and prints medians of several runs.

  tokend      many apps: cold start, adoption, steady state, memory in each phase, takeover; one
              refresh from its report on; token reads over HTTP, beside nginx and Redis
  loginsvc    logins a second, and what one costs
  all         both (the default), about three minutes

  --apps N    how many apps one tokend has (200 to 10000, default 10000)
  --help      this text

Ratios hold from machine to machine, seconds do not; close what else is running. Touches no system
service and leaves nothing behind but the build.
HELP
}

what='' apps=()

while (($# > 0)); do
    case $1 in
    tokend | loginsvc | all)
        [[ -z $what ]] || die "One of tokend, loginsvc and all; see --help"
        what=$1
        shift
        ;;
    --apps)
        (($# >= 2)) || die "--apps needs a number; see --help"
        apps=(--apps "$2")
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
"$HOUSE_ROOT/scripts/install-deps.sh" --bench ||
    warn "Without wrk and nginx what needs them is left out."
configure_preset release
build_targets release tokend loginsvc wxsim

step "Measuring"
cd "$HOUSE_ROOT"
exec env BIN_DIR="$HOUSE_ROOT/build/release/bin" PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 tests/bench/bench.py "${what:-all}" "${apps[@]}"
