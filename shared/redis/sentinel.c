#include "redis/sentinel.h"

#include <stdlib.h>

#include "base/err.h"
#include "redis/conn.h"

enum { MAX_REPLY_BYTES = 64 << 10 };

struct sentinel {
    struct loop *loop;
    const struct redis_url *url;
    int64_t timeout_ms;
    const struct sentinel_hooks *hooks;
    void *arg;
    size_t at;    /* the host that is asked */
    size_t tried; /* of this round */
    struct conn *conn;
    struct loop_timer *timer;
};

static void ask_one(struct sentinel *s);

static void hang_up(struct sentinel *s)
{
    conn_close(s->conn);
    s->conn = NULL;
    loop_timer_stop(s->timer);
}

static void ask_next(struct sentinel *s, const char *why)
{
    struct err e;
    const struct redis_host *h = &s->url->hosts[s->at];
    err_set(&e, "sentinel %.100s:%d: %s", h->name, h->port, why);
    hang_up(s);
    s->at = (s->at + 1) % s->url->nhosts;
    if (++s->tried < s->url->nhosts)
        ask_one(s);
    else
        s->hooks->on_lost(e.text, s->arg);
}

static void on_open(void *arg)
{
    struct sentinel *s = arg;
    struct slice argv[] = {SLICE_LIT("SENTINEL"), SLICE_LIT("get-master-addr-by-name"),
                           slice_of(s->url->master)};
    conn_command(s->conn, argv, ARRAY_LEN(argv));
}

static bool read_address(const struct redis_value *v, struct redis_host *out)
{
    int64_t port;
    struct slice name = redis_value_slice(redis_value_at(v, 0));
    if (name.n == 0 || !slice_copy(name, out->name, sizeof out->name) ||
        !redis_value_int(redis_value_at(v, 1), &port) || port < 1 || port > 65535)
        return false;
    out->port = (int)port;
    return true;
}

static void on_reply(const struct redis_value *v, void *arg)
{
    struct sentinel *s = arg;
    struct redis_host master;
    struct err e;
    if (read_address(v, &master)) {
        hang_up(s);
        s->hooks->on_found(&master, s->arg);
        return;
    }
    struct slice text = redis_value_slice(v);
    if (redis_value_type(v) == REDIS_TYPE_ERROR)
        err_set(&e, "%.*s", (int)(text.n < 100 ? text.n : 100), text.p);
    else
        err_set(&e, "knows no master of that name");
    ask_next(s, e.text);
}

static void on_closed(const char *why, void *arg)
{
    ask_next(arg, why);
}

static void on_timeout(void *arg)
{
    ask_next(arg, "no answer in time");
}

static void ask_one(struct sentinel *s)
{
    static const struct conn_hooks conn_hooks = {on_open, on_reply, on_closed};
    const struct redis_host *h = &s->url->hosts[s->at];
    struct conn_target target = {
        .host = h->name, .port = h->port, .max_reply_bytes = MAX_REPLY_BYTES};
    s->conn = conn_open(s->loop, &target, &conn_hooks, s);
    loop_timer_after(s->timer, s->timeout_ms);
}

void sentinel_ask(struct sentinel *s)
{
    hang_up(s);
    s->tried = 0;
    ask_one(s);
}

struct sentinel *sentinel_new(struct loop *l, const struct redis_url *url, int64_t timeout_ms,
                              const struct sentinel_hooks *hooks, void *arg)
{
    struct sentinel *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->url = url;
    s->timeout_ms = timeout_ms;
    s->hooks = hooks;
    s->arg = arg;
    s->timer = loop_timer_new(l, on_timeout, s);
    return s;
}

void sentinel_free(struct sentinel *s)
{
    if (!s)
        return;
    hang_up(s);
    loop_timer_free(s->timer);
    free(s);
}
