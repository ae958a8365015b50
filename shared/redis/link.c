#include "redis/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/prng.h"
#include "log/log.h"
#include "redis/conn.h"
#include "redis/refusal.h"
#include "redis/sentinel.h"
#include "redis/wire.h"
#include "sys/entropy.h"

enum { MAX_GREETINGS = 4, MAX_DOUBLINGS = 16 };

/* What is asked before the link is ready. */
enum greeting {
    GREETING_AUTH,   /* the password, where there is one */
    GREETING_SELECT, /* the database, where it is not 0 */
    GREETING_ROLE,   /* whether the sentinels' master is one */
    GREETING_PING,   /* whether it serves commands (LOADING, NOAUTH, MASTERDOWN) */
};

struct link {
    struct loop *loop;
    struct redis_url url;
    struct redis_options options;
    const struct link_hooks *hooks;
    void *arg;
    enum link_state state;
    struct loop_timer *timer;  /* of the present state: next attempt, deadline, or health */
    struct conn *conn;         /* NULL in BACKOFF and LOCATING */
    struct sentinel *sentinel; /* NULL when the URL names none */
    enum greeting greetings[MAX_GREETINGS];
    size_t ngreetings, nanswered;
    mono_ms_t ready_at;
    mono_ms_t heard_at;       /* the last answer */
    mono_ms_t asked_at;       /* on_quiet was called; MONO_NEVER = not since the last answer */
    uint64_t queued, written; /* of the last connection, while there is none */
    struct prng jitter;
    int failures; /* in a row: the exponent of the backoff */
    char trouble[sizeof((struct err *)0)->text];
    char label[REDIS_URL_TEXT_SIZE]; /* the URL for log lines, without the password */
    struct log_limit downs, readies;
};

#define BIT(name) (1u << LINK_##name)

static const unsigned moves[] = {
    [LINK_BACKOFF] = BIT(LOCATING) | BIT(CONNECTING) | BIT(CLOSED),
    [LINK_LOCATING] = BIT(CONNECTING) | BIT(BACKOFF) | BIT(CLOSED),
    [LINK_CONNECTING] = BIT(GREETING) | BIT(BACKOFF) | BIT(CLOSED),
    [LINK_GREETING] = BIT(READY) | BIT(BACKOFF) | BIT(CLOSED),
    [LINK_READY] = BIT(RETIRING) | BIT(BACKOFF) | BIT(CLOSED),
    [LINK_RETIRING] = BIT(BACKOFF) | BIT(CLOSED),
    [LINK_CLOSED] = 0,
};

static const char *state_name(enum link_state s)
{
    static const char *const names[] = {
#define X(name, text) [LINK_##name] = (text),
        LINK_STATES(X)
#undef X
    };
    return names[s];
}

static void set_state(struct link *k, enum link_state next)
{
    ASSERT((moves[k->state] & (1u << next)) != 0);
    log_debug("redis.state", LOG_STR("redis", k->label), LOG_STR("role", k->hooks->role),
              LOG_STR("from", state_name(k->state)), LOG_STR("to", state_name(next)));
    k->state = next;
}

static void set_trouble(struct link *k, const char *why)
{
    struct text t = text_init(k->trouble, sizeof k->trouble);
    text_str(&t, why);
}

/* ---- failing and coming back ---- */

static int64_t next_delay(struct link *k)
{
    int64_t most = k->options.backoff_min_ms << k->failures;
    if (k->failures < MAX_DOUBLINGS)
        k->failures++;
    if (most > k->options.backoff_max_ms)
        most = k->options.backoff_max_ms;
    return prng_between(&k->jitter, 0, most);
}

static void log_down(struct link *k, int64_t delay_ms)
{
    int64_t swallowed;
    if (log_limit_pass(&k->downs, &swallowed))
        log_warn("redis.down", LOG_STR("redis", k->label), LOG_STR("role", k->hooks->role),
                 LOG_STR("reason", k->trouble), LOG_INT("retry_in_ms", delay_ms),
                 LOG_INT("swallowed", swallowed));
}

static void hang_up(struct link *k)
{
    if (!k->conn)
        return;
    k->queued = conn_queued(k->conn);
    k->written = conn_written(k->conn);
    conn_close(k->conn);
    k->conn = NULL;
}

static bool is_up(const struct link *k)
{
    return k->state == LINK_READY || k->state == LINK_RETIRING;
}

void link_fail(struct link *k, const char *why)
{
    struct err reason; /* `why` may stand in what goes away here */
    err_set(&reason, "%s", why);
    mono_ms_t now = loop_now(k->loop);
    if (is_up(k) && mono_between(k->ready_at, now) >= k->options.backoff_max_ms)
        k->failures = 0; /* a server that takes logins and then fails must not be hammered */
    hang_up(k);
    set_state(k, LINK_BACKOFF);
    set_trouble(k, reason.text);
    int64_t delay_ms = next_delay(k);
    loop_timer_after(k->timer, delay_ms);
    log_down(k, delay_ms);
    k->hooks->on_down(reason.text, k->arg);
}

void link_retire(struct link *k, const char *why)
{
    if (k->state != LINK_READY)
        return;
    set_state(k, LINK_RETIRING);
    set_trouble(k, why);
}

/* ---- greeting ---- */

static void greet(struct link *k, enum greeting g, const struct slice *argv, size_t argc)
{
    ASSERT(k->ngreetings < MAX_GREETINGS);
    k->greetings[k->ngreetings++] = g;
    conn_command(k->conn, argv, argc);
}

static void greet_auth(struct link *k)
{
    struct slice argv[3] = {SLICE_LIT("AUTH")};
    size_t argc = 1;
    if (k->url.user[0])
        argv[argc++] = slice_of(k->url.user);
    argv[argc++] = secret_reveal(&k->url.password);
    greet(k, GREETING_AUTH, argv, argc);
}

static void greet_select(struct link *k)
{
    char digits[WIRE_NUMBER_SIZE];
    struct slice argv[] = {SLICE_LIT("SELECT"), wire_number(digits, (size_t)k->url.db)};
    greet(k, GREETING_SELECT, argv, ARRAY_LEN(argv));
}

static void on_open(void *arg)
{
    struct link *k = arg;
    set_state(k, LINK_GREETING);
    k->ngreetings = k->nanswered = 0;
    if (secret_is_set(&k->url.password))
        greet_auth(k);
    if (k->url.db != 0)
        greet_select(k);
    if (k->sentinel)
        greet(k, GREETING_ROLE, &SLICE_LIT("ROLE"), 1);
    greet(k, GREETING_PING, &SLICE_LIT("PING"), 1);
}

/* Whether the answer to a greeting lets us go on. A user whom the ACL forbids PING or ROLE is
 * answered all the same, which is what they are for. */
static bool greeting_is_good(enum greeting g, const struct redis_value *v)
{
    bool refused = redis_value_type(v) == REDIS_TYPE_ERROR;
    enum redis_refusal why = refused ? redis_refusal_of(redis_value_slice(v)) : REDIS_REFUSAL_OTHER;
    bool forbidden = refused && why == REDIS_REFUSAL_NOPERM;
    switch (g) {
    case GREETING_AUTH:
    case GREETING_SELECT:
        return !refused;
    case GREETING_ROLE:
        return forbidden || slice_is(redis_value_slice(redis_value_at(v, 0)), "master");
    case GREETING_PING:
        return forbidden || !refused;
    }
    return false;
}

static void refuse_greeting(struct link *k, enum greeting g, const struct redis_value *v)
{
    static const char *const names[] = {
        [GREETING_AUTH] = "AUTH",
        [GREETING_SELECT] = "SELECT",
        [GREETING_ROLE] = "ROLE",
        [GREETING_PING] = "PING",
    };
    struct err e, said;
    if (redis_value_type(v) == REDIS_TYPE_ERROR)
        err_set(&e, "%s: %s", names[g], redis_refusal_explain(redis_value_slice(v), &said));
    else
        err_set(&e, "ROLE: not a master, whatever the sentinels say");
    link_fail(k, e.text);
}

static void log_ready(struct link *k)
{
    int64_t swallowed;
    if (log_limit_pass(&k->readies, &swallowed))
        log_info("redis.ready", LOG_STR("redis", k->label), LOG_STR("role", k->hooks->role),
                 LOG_INT("swallowed", swallowed));
}

static void become_ready(struct link *k)
{
    set_state(k, LINK_READY);
    set_trouble(k, "");
    k->ready_at = loop_now(k->loop);
    loop_timer_after(k->timer, k->options.silence_ms / 2);
    log_ready(k);
    k->hooks->on_ready(k->arg);
}

static void on_greeted(struct link *k, const struct redis_value *v)
{
    if (k->nanswered == k->ngreetings) {
        link_fail(k, "an answer that nobody asked for");
        return;
    }
    enum greeting g = k->greetings[k->nanswered++];
    if (!greeting_is_good(g, v))
        refuse_greeting(k, g, v);
    else if (k->nanswered == k->ngreetings)
        become_ready(k);
}

/* ---- the connection ---- */

static void on_reply(const struct redis_value *v, void *arg)
{
    struct link *k = arg;
    k->heard_at = loop_now(k->loop);
    k->asked_at = MONO_NEVER;
    if (k->state == LINK_GREETING)
        on_greeted(k, v);
    else
        k->hooks->on_reply(v, k->arg);
}

static void on_closed(const char *why, void *arg)
{
    link_fail(arg, why);
}

static void connect_to(struct link *k, const struct redis_host *host)
{
    static const struct conn_hooks conn_hooks = {on_open, on_reply, on_closed};
    struct conn_target target = {
        .path = k->url.scheme == REDIS_SCHEME_UNIX ? k->url.path : NULL,
        .host = host->name,
        .port = host->port,
        .tls = k->url.scheme == REDIS_SCHEME_TLS,
        .max_reply_bytes = k->options.max_reply_bytes,
    };
    set_state(k, LINK_CONNECTING);
    k->conn = conn_open(k->loop, &target, &conn_hooks, k);
    loop_timer_after(k->timer, k->options.connect_timeout_ms);
}

static void on_master_found(const struct redis_host *master, void *arg)
{
    connect_to(arg, master);
}

static void on_master_lost(const char *why, void *arg)
{
    link_fail(arg, why);
}

static void begin(struct link *k)
{
    if (!k->sentinel) {
        connect_to(k, &k->url.hosts[0]);
        return;
    }
    set_state(k, LINK_LOCATING); /* each sentinel has its own deadline */
    sentinel_ask(k->sentinel);
}

/* Asks a silent server once, and gives it the other half of silence_ms to say anything. */
static void check_health(struct link *k)
{
    mono_ms_t now = loop_now(k->loop);
    int64_t half_ms = k->options.silence_ms / 2;
    bool asked = k->asked_at.ms != MONO_NEVER.ms;
    if (asked && mono_between(k->asked_at, now) >= half_ms) {
        link_fail(k, "the server does not answer");
        return;
    }
    if (!asked && mono_between(k->heard_at, now) >= half_ms) {
        asked = true;
        k->asked_at = now;
        k->hooks->on_quiet(k->arg);
    }
    loop_timer_at(k->timer, mono_after(asked ? k->asked_at : k->heard_at, half_ms));
}

static void on_timer(void *arg)
{
    struct link *k = arg;
    switch (k->state) {
    case LINK_BACKOFF:
        begin(k);
        break;
    case LINK_CONNECTING:
        link_fail(k, "no connection in time");
        break;
    case LINK_GREETING:
        link_fail(k, "no answer to the login in time");
        break;
    case LINK_READY:
    case LINK_RETIRING:
        check_health(k);
        break;
    case LINK_LOCATING:
    case LINK_CLOSED:
        ASSERT(false); /* these set no timer */
    }
}

/* ---- making and using ---- */

struct link *link_new(struct loop *l, const struct redis_url *url, const struct redis_options *o,
                      const struct link_hooks *hooks, void *arg)
{
    static const struct sentinel_hooks sentinel_hooks = {on_master_found, on_master_lost};
    struct link *k = xcalloc(1, sizeof *k);
    k->loop = l;
    redis_url_copy(&k->url, url);
    k->options = o ? *o : REDIS_OPTIONS_DEFAULT;
    k->hooks = hooks;
    k->arg = arg;
    k->state = LINK_BACKOFF;
    k->downs = LINK_LOG_LIMIT;
    k->readies = LINK_LOG_LIMIT;
    prng_seed(&k->jitter, entropy_u64());
    redis_url_print(url, k->label);
    set_trouble(k, "not connected yet");
    if (k->url.scheme == REDIS_SCHEME_SENTINEL)
        k->sentinel = sentinel_new(l, &k->url, k->options.connect_timeout_ms, &sentinel_hooks, k);
    k->timer = loop_timer_new(l, on_timer, k);
    loop_timer_after(k->timer, 0);
    return k;
}

void link_free(struct link *k)
{
    set_state(k, LINK_CLOSED);
    hang_up(k);
    sentinel_free(k->sentinel);
    loop_timer_free(k->timer);
    redis_url_wipe(&k->url);
    free(k);
}

enum link_state link_state(const struct link *k)
{
    return k->state;
}

const char *link_trouble(const struct link *k)
{
    return k->trouble;
}

void link_warn(const struct link *k, struct log_limit *limit, const char *event, const char *error)
{
    int64_t swallowed;
    if (log_limit_pass(limit, &swallowed))
        log_warn(event, LOG_STR("redis", k->label), LOG_STR("role", k->hooks->role),
                 LOG_STR("error", error), LOG_INT("swallowed", swallowed));
}

void link_send(struct link *k, struct slice bytes)
{
    ASSERT(is_up(k));
    conn_send(k->conn, bytes);
}

void link_command(struct link *k, const struct slice *argv, size_t argc)
{
    ASSERT(is_up(k));
    conn_command(k->conn, argv, argc);
}

uint64_t link_queued(const struct link *k)
{
    return k->conn ? conn_queued(k->conn) : k->queued;
}

uint64_t link_written(const struct link *k)
{
    return k->conn ? conn_written(k->conn) : k->written;
}
