#include "tokend/refresh/reports.h"

#include <stdlib.h>

enum {
    TURN_MS = 50,       /* between two reads */
    TURNS_A_ROUND = 10, /* in which every app has had its turn */
    MIN_BATCH = 64,     /* streams in one read, at least and ... */
    MAX_BATCH = 1024,   /* ... at most */
    MAX_ENTRIES = 100,  /* of one stream in one read, as the script has it */
};

struct reports {
    struct loop *loop;
    const struct store *store;
    struct reports_hooks hooks;
    struct loop_timer *timer;
    uint64_t command; /* the read under way; 0: none */
    bool running;
    bool hurried; /* the next turn follows at once */
};

/* ---- one entry: id and its fields ---- */

static struct slice field(const struct redis_value *fields, const char *name)
{
    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2)
        if (slice_is(redis_value_slice(redis_value_at(fields, i)), name))
            return redis_value_slice(redis_value_at(fields, i + 1));
    return slice_of(NULL);
}

static int64_t number_field(const struct redis_value *fields, const char *name)
{
    int64_t n = 0;
    return slice_to_int(field(fields, name), INT32_MIN, INT64_MAX, &n) ? n : 0;
}

static bool hear(struct reports *r, const char *appid, struct stream_id from, struct stream_id id,
                 const struct redis_value *fields)
{
    enum store_report kind = STORE_REPORT_REFUSED;
    if (field(fields, "displaced").n > 0)
        kind = STORE_REPORT_DISPLACED;
    else if (field(fields, "order").n > 0)
        kind = STORE_REPORT_ORDER;
    const struct report report = {id,
                                  from,
                                  kind,
                                  number_field(fields, "version"),
                                  number_field(fields, "errcode"),
                                  field(fields, "by")};
    return r->hooks.heard(appid, &report, r->hooks.arg);
}

/* ---- one stream: its key and its entries ---- */

/* P:{A}:reports -> A; false for a key that is not ours. */
static bool appid_of(struct slice key, char out[TOKEN_KEY_SIZE])
{
    struct slice rest = key;
    (void)slice_cut(&rest, '{');
    return rest.p && slice_copy(slice_cut(&rest, '}'), out, TOKEN_KEY_SIZE);
}

/* Where more is to come the next turn follows at once. */
static void take_stream(struct reports *r, const struct redis_value *stream)
{
    size_t heard = 0;
    struct slice key = redis_value_slice(redis_value_at(stream, 0));
    const struct redis_value *entries = redis_value_at(stream, 2);
    char appid[TOKEN_KEY_SIZE];
    struct stream_id from, id;
    if (!appid_of(key, appid) ||
        !stream_id_parse(redis_value_slice(redis_value_at(stream, 1)), &from))
        return;
    for (size_t i = 0; i < redis_value_count(entries); i++) {
        const struct redis_value *entry = redis_value_at(entries, i);
        if (stream_id_parse(redis_value_slice(redis_value_at(entry, 0)), &id))
            heard += hear(r, appid, from, id, redis_value_at(entry, 1));
    }
    if (heard == MAX_ENTRIES)
        r->hurried = true;
}

/* ---- one turn ---- */

static void on_read(const struct redis_result *result, void *arg)
{
    struct reports *r = arg;
    r->command = 0;
    for (size_t i = 0; r->running && i < redis_value_count(result->value); i++)
        take_stream(r, redis_value_at(result->value, i));
    if (r->running)
        loop_timer_after(r->timer, r->hurried ? 0 : TURN_MS);
    r->hurried = false;
}

static size_t batch_size(const struct reports *r)
{
    size_t count = r->hooks.count(r->hooks.arg);
    size_t n = count / TURNS_A_ROUND + 1;
    if (n < MIN_BATCH)
        n = MIN_BATCH;
    if (n > MAX_BATCH)
        n = MAX_BATCH;
    return n < count ? n : count;
}

/* One stream of a read, written out. */
struct asked {
    char key[TOKEN_KEY_SIZE], from[STREAM_ID_SIZE];
};

static void read_batch(struct reports *r, size_t n)
{
    const struct store *s = r->store;
    struct slice *keys = xcalloc(2 * n, sizeof *keys), *from = keys + n;
    struct asked *asked = xcalloc(n, sizeof *asked);
    for (size_t i = 0; i < n; i++) {
        struct report_source source = r->hooks.next(r->hooks.arg);
        token_key(TOKEN_KEY_REPORTS, s->prefix, source.appid, asked[i].key);
        stream_id_format(stream_id_next(source.heard), asked[i].from);
        keys[i] = slice_of(asked[i].key);
        from[i] = slice_of(asked[i].from);
    }
    r->command = redis_run(s->redis, &s->scripts->reports, REDIS_WAIT, s->timeout_ms, keys, n, from,
                           n, on_read, r);
    free(asked);
    free(keys);
}

static void on_turn(void *arg)
{
    struct reports *r = arg;
    size_t n = batch_size(r);
    if (n > 0)
        read_batch(r, n);
    else
        loop_timer_after(r->timer, TURN_MS);
}

/* ---- life ---- */

struct reports *reports_new(struct loop *l, const struct store *store,
                            const struct reports_hooks *hooks)
{
    struct reports *r = xcalloc(1, sizeof *r);
    r->loop = l;
    r->store = store;
    r->hooks = *hooks;
    r->timer = loop_timer_new(l, on_turn, r);
    return r;
}

void reports_free(struct reports *r)
{
    if (!r)
        return;
    if (r->command)
        redis_cancel(r->store->redis, r->command);
    loop_timer_free(r->timer);
    free(r);
}

void reports_start(struct reports *r)
{
    if (r->running)
        return;
    r->running = true;
    if (!r->command)
        loop_timer_after(r->timer, 0);
}

void reports_hurry(struct reports *r)
{
    if (!r->running)
        return;
    if (r->command)
        r->hurried = true;
    else
        loop_timer_after(r->timer, 0);
}

void reports_stop(struct reports *r)
{
    r->running = false;
    loop_timer_stop(r->timer);
}
