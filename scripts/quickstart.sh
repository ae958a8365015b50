#!/usr/bin/env bash
# One command from a fresh checkout to a phone login that worked, on parts of its own.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'HELP'
Usage: scripts/quickstart.sh [--check]

Installs what is missing, builds, and starts a private Redis, wxsim (a stand-in for
api.weixin.qq.com), tokend and two loginsvc on free ports of 127.0.0.1; then logs a user in by phone
through HTTP, shows what happened, and stays up until Ctrl-C.

  --check   stop after the login: exit 0 only if it worked
  --help    this text

Touches no system service and no other Redis; several can run side by side. Everything it writes is
under build/.
HELP
}

APPID=wx0123456789abcdef
PHONE=13800138000
READY_WITHIN_S=30
STOP_WITHIN_S=10

BIN=$HOUSE_ROOT/build/release/bin
STATE='' # the folder of this run: secrets, database, logs
UP=false # true once the login worked

declare -A PID=() PORT=()
STARTED=() # names in the order of their start

# ---- ending ----

stop() {
    local pid=${PID[$1]} deadline=$((SECONDS + STOP_WITHIN_S))
    kill -TERM "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do
        if ((SECONDS >= deadline)); then
            warn "$1 did not stop within ${STOP_WITHIN_S}s and is killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
        sleep 0.05
    done
}

cleanup() {
    local status=$? i
    trap '' INT TERM HUP
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
        stop "${STARTED[i]}"
    done
    if [[ -n $STATE ]]; then
        if ((status == 0)); then
            rm -rf "$STATE"
        else
            warn "The logs are in $STATE"
        fi
    fi
}

on_interrupt() {
    say 2>/dev/null || true
    $UP && exit 0
    exit 130
}

# fail NAME WHY: shows the end of NAME's log.
fail() {
    warn "$2"
    if [[ -s $STATE/$1.log ]]; then
        warn "The last lines of $1:"
        tail -n 20 "$STATE/$1.log" >&2
    fi
    exit 1
}

# ---- starting ----

# A port that nobody listens on, below the range that the system hands out by itself.
choose_port() {
    local port tries
    for ((tries = 0; tries < 100; tries++)); do
        port=$((20000 + RANDOM % 12000))
        [[ " ${PORT[*]:-} " == *" $port "* ]] && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        PORT[$1]=$port
        return
    done
    die "No free port found"
}

# start NAME [VARIABLE=VALUE ...] PROGRAM [ARGUMENT ...]: with a clean environment, in the state
# folder, and such that it ends when this script is killed.
start() {
    local name=$1
    shift
    (
        cd "$STATE"
        exec env -i PATH="$PATH" LANG=C.UTF-8 LOG_FORMAT=text setpriv --pdeathsig TERM env "$@"
    ) >"$STATE/$name.log" 2>&1 </dev/null &
    PID[$name]=$!
    STARTED+=("$name")
}

# await NAME COMMAND ...: until the command works.
await() {
    local name=$1 deadline=$((SECONDS + READY_WITHIN_S))
    shift
    until "$@" >/dev/null 2>&1; do
        kill -0 "${PID[$name]}" 2>/dev/null || fail "$name" "$name ended by itself"
        ((SECONDS < deadline)) || fail "$name" "$name is not ready after ${READY_WITHIN_S}s"
        sleep 0.1
    done
    printf '    %-10s %s%s%s\n' "$name" "$DIM" "127.0.0.1:${PORT[$name]}" "$PLAIN"
}

http() { curl --silent --show-error --fail --noproxy '*' --max-time 10 "$@"; }
url() { printf 'http://127.0.0.1:%s' "${PORT[$1]}"; }

make_secrets() {
    umask 077
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$STATE/appsecret"
    head -c 48 /dev/urandom | base64 -w0 >"$STATE/jwt_secret"
    head -c 32 /dev/urandom | base64 -w0 >"$STATE/data_key"
    printf 'app = %s:%s\n' "$APPID" "$(<"$STATE/appsecret")" >"$STATE/wxsim.ini"
}

start_loginsvc() {
    start "$1" "${SHARED_SETTINGS[@]}" \
        "LOGINSVC_LISTEN=127.0.0.1:${PORT[$1]}" "DATABASE_URL=sqlite://$STATE/users.db" \
        "JWT_SECRET_FILE=$STATE/jwt_secret" "DATA_KEY_FILE=$STATE/data_key" "$BIN/loginsvc"
    await "$1" http "$(url "$1")/readyz"
}

start_all() {
    local name
    for name in redis wxsim tokend loginsvc-1 loginsvc-2; do
        choose_port "$name"
    done
    SHARED_SETTINGS=(
        "WECHAT_APPID=$APPID" "WECHAT_SECRET_FILE=$STATE/appsecret"
        "WECHAT_API_BASE=$(url wxsim)" "REDIS_URL=redis://127.0.0.1:${PORT[redis]}/0"
    )
    start redis redis-server --bind 127.0.0.1 --port "${PORT[redis]}" --save '' --appendonly no
    await redis redis-cli -p "${PORT[redis]}" ping
    start wxsim "$BIN/wxsim" --listen "127.0.0.1:${PORT[wxsim]}" -c "$STATE/wxsim.ini"
    await wxsim http "$(url wxsim)/_sim/stats"
    start tokend "${SHARED_SETTINGS[@]}" "TOKEND_LISTEN=127.0.0.1:${PORT[tokend]}" "$BIN/tokend"
    await tokend http "$(url tokend)/readyz"
    start_loginsvc loginsvc-1
    start_loginsvc loginsvc-2
}

# ---- a login ----

# text_field NAME and number_field NAME: of the flat JSON on stdin.
text_field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
number_field() { sed -n 's/.*"'"$1"'" *: *\([0-9][0-9]*\).*/\1/p'; }

# mask TEXT HEAD TAIL: only that many characters at the ends.
mask() { printf '%s…%s' "${1:0:$2}" "${1: -$3}"; }

# post NAME PATH JSON: the body goes through stdin, because arguments are for all to see.
post() {
    printf '%s' "$3" | http --json @- "$(url "$1")$2"
}

sim_code() {
    post wxsim "/_sim/$1" "$2" | text_field code
}

log_in() {
    local login_code phone_code answer token phone started_ms took_ms
    step "A user taps the login button"
    login_code=$(sim_code login-code '{}') || fail wxsim "wxsim gave no login code"
    phone_code=$(sim_code phone-code "{\"phone\":\"$PHONE\"}") || fail wxsim "wxsim gave no phone code"
    say "    wx.login and getPhoneNumber gave the mini program a code each"

    started_ms=$(date +%s%3N)
    answer=$(post loginsvc-1 /api/user/login \
        "{\"loginCode\":\"$login_code\",\"phoneCode\":\"$phone_code\"}") ||
        fail loginsvc-1 "POST /api/user/login failed"
    took_ms=$(($(date +%s%3N) - started_ms))
    token=$(text_field token <<<"$answer")
    phone=$(text_field phone <<<"$answer")
    [[ $(number_field code <<<"$answer") == 200 && $phone == "$PHONE" && -n $token ]] ||
        fail loginsvc-1 "POST /api/user/login was refused: $(text_field message <<<"$answer")"
    say "    POST /api/user/login       $GREEN$(text_field message <<<"$answer")$PLAIN, $took_ms ms"
    say "                               phone $(mask "$phone" 3 4), token $(mask "$token" 6 4)"
    check_token "$token"
}

# At the other loginsvc: any of them knows the user.
check_token() {
    local answer
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$1" |
        http --config - --request POST "$(url loginsvc-2)/api/user/checkToken") ||
        fail loginsvc-2 "POST /api/user/checkToken failed"
    [[ $(number_field code <<<"$answer") == 200 ]] ||
        fail loginsvc-2 "POST /api/user/checkToken: $(text_field message <<<"$answer")"
    say "    POST /api/user/checkToken  $GREEN$(text_field message <<<"$answer")$PLAIN," \
        "until $(date -d "@$(number_field exp <<<"$answer")" '+%F %T')"
}

show_urls() {
    step "Up"
    cat <<TRY
    loginsvc   $(url loginsvc-1)  $(url loginsvc-2)
    tokend     $(url tokend)
    WeChat     $(url wxsim)
    logs       $STATE

    The token, as other services read it:
      redis-cli -p ${PORT[redis]} GET 'tokend:{$APPID}:access_token'

    Three lines to try:
      curl -s $(url tokend)/v1/apps/$APPID
      curl -s $(url tokend)/metrics
      curl -s $(url loginsvc-1)/api/user/login -H 'Content-Type: application/json' -d "{\\"loginCode\\":\\"\$(curl -s -d '{}' $(url wxsim)/_sim/login-code | cut -d'"' -f4)\\",\\"phoneCode\\":\\"\$(curl -s -d '{"phone":"13900139000"}' $(url wxsim)/_sim/phone-code | cut -d'"' -f4)\\"}"
TRY
}

stay_up() {
    say
    say "Ctrl-C stops everything."
    wait -n "${PID[@]}" || true
    local name
    for name in "${STARTED[@]}"; do
        kill -0 "${PID[$name]}" 2>/dev/null || fail "$name" "$name ended by itself"
    done
}

main() {
    local check=false
    case ${1:-} in
    '') ;;
    --check) check=true ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac

    "$HOUSE_ROOT/scripts/install-deps.sh"
    configure_preset release
    build_targets release tokend loginsvc wxsim

    trap cleanup EXIT
    trap on_interrupt INT TERM HUP
    mkdir -p "$HOUSE_ROOT/build/quickstart"
    STATE=$(mktemp -d "$HOUSE_ROOT/build/quickstart/run.XXXXXX")
    make_secrets
    step "Starting"
    start_all
    log_in
    UP=true
    show_urls
    if $check; then
        say
        say "${GREEN}The login worked.${PLAIN} Everything stops now; without --check it stays up."
    else
        stay_up
    fi
}

main "$@"
