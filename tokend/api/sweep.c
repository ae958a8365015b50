#include "tokend/api/sweep.h"

#include <stdlib.h>

#include "redis/wire.h"
#include "tokend/api/view.h"

enum {
    BATCH = 64,    /* apps read by one command */
    PER_APP = 128, /* entries of each */
};

struct sweep {
    const struct store *store;
    struct sweep_target *targets;
    size_t n, at; /* `at`: the first of the batch under way */
    struct event_id last;
    struct page page;
    uint64_t command; /* 0: none is under way */
    sweep_done_fn *done;
    void *arg;
};

struct sweep *sweep_new(const struct store *store, sweep_done_fn *done, void *arg)
{
    struct sweep *s = xcalloc(1, sizeof *s);
    s->store = store;
    s->done = done;
    s->arg = arg;
    return s;
}

void sweep_free(struct sweep *s)
{
    if (!s)
        return;
    sweep_stop(s);
    free(s);
}

static void end_reading(struct sweep *s)
{
    s->command = 0;
    free(s->targets);
    s->targets = NULL;
}

void sweep_stop(struct sweep *s)
{
    if (s->command)
        redis_cancel(s->store->redis, s->command);
    end_reading(s);
    page_clear(&s->page);
}

static void finish(struct sweep *s, bool read)
{
    end_reading(s);
    s->done(read ? &s->page : NULL, s->arg);
}

/* ---- one batch ---- */

static size_t batch_size(const struct sweep *s)
{
    return s->n - s->at < BATCH ? s->n - s->at : BATCH;
}

static bool id_of(const struct redis_value *entry, const char *appid, struct event_id *out)
{
    ASSERT(slice_copy(slice_of(appid), out->appid, sizeof out->appid));
    return stream_id_parse(redis_value_slice(redis_value_at(entry, 0)), &out->entry);
}

static void take_app(struct sweep *s, const char *appid, const struct redis_value *entries)
{
    size_t n = redis_value_count(entries);
    struct event_id id;
    for (size_t i = 0; i < n; i++) {
        const struct redis_value *entry = redis_value_at(entries, i);
        if (id_of(entry, appid, &id) && event_id_compare(&id, &s->last) <= 0 &&
            page_wants(&s->page, &id))
            page_add(&s->page, &id, view_event_lines(entry, appid));
    }
    /* as many as were asked for: there may be more behind them */
    if (n == PER_APP && id_of(redis_value_at(entries, n - 1), appid, &id) &&
        event_id_compare(&id, &s->last) < 0)
        page_cut(&s->page, &id);
}

static void take_batch(struct sweep *s, const struct redis_value *found)
{
    for (size_t i = 0; i < redis_value_count(found); i++) {
        const struct redis_value *app = redis_value_at(found, i);
        int64_t number = 0;
        if (redis_value_int(redis_value_at(app, 0), &number) && number >= 1 &&
            (size_t)number <= batch_size(s))
            take_app(s, s->targets[s->at + (size_t)number - 1].appid, redis_value_at(app, 1));
    }
}

static void read_batch(struct sweep *s);

static void on_batch(const struct redis_result *r, void *arg)
{
    struct sweep *s = arg;
    s->command = 0;
    if (r->outcome != REDIS_REPLIED) {
        finish(s, false);
        return;
    }
    take_batch(s, r->value);
    s->at += batch_size(s);
    if (s->at < s->n)
        read_batch(s);
    else
        finish(s, true);
}

/* Nothing behind the end of a page that is cut will stay in it. */
static struct stream_id last_wanted(const struct sweep *s)
{
    return s->page.is_cut ? s->page.end.entry : s->last.entry;
}

/* The text of an id goes into `out`, which the slice borrows. */
static struct slice id_text(struct stream_id id, char out[STREAM_ID_SIZE])
{
    stream_id_format(id, out);
    return slice_of(out);
}

static void read_batch(struct sweep *s)
{
    const struct store *store = s->store;
    char names[BATCH][TOKEN_KEY_SIZE], ids[BATCH + 1][STREAM_ID_SIZE], count[WIRE_NUMBER_SIZE];
    struct slice keys[BATCH], args[2 + BATCH];
    size_t n = batch_size(s);
    args[0] = wire_number(count, PER_APP);
    args[1] = id_text(last_wanted(s), ids[BATCH]);
    for (size_t i = 0; i < n; i++) {
        const struct sweep_target *target = &s->targets[s->at + i];
        token_key(TOKEN_KEY_EVENTS, store->prefix, target->appid, names[i]);
        keys[i] = slice_of(names[i]);
        args[2 + i] = id_text(target->from, ids[i]);
    }
    s->command = redis_run(store->redis, &store->scripts->events, REDIS_NOW, store->timeout_ms,
                           keys, n, args, 2 + n, on_batch, s);
}

void sweep_start(struct sweep *s, struct sweep_target *targets, size_t n,
                 const struct event_id *last)
{
    ASSERT(!s->targets && n > 0);
    page_clear(&s->page);
    s->targets = targets;
    s->n = n;
    s->at = 0;
    s->last = *last;
    read_batch(s);
}
