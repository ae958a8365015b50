#include "watch_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the clock ---- */

int64_t clock_ahead_ms;

wall_ms_t __real_clock_wall(void);
wall_ms_t __wrap_clock_wall(void);

wall_ms_t __wrap_clock_wall(void)
{
    return wall_after(__real_clock_wall(), clock_ahead_ms);
}

/* ---- the store ---- */

static bool is_wanted(const struct store *s, const struct store_revocation *row)
{
    bool behind = row->revoked_at.ms > s->revoked_at.ms ||
                  (row->revoked_at.ms == s->revoked_at.ms && strcmp(row->sid, s->sid) > 0);
    return behind && row->until.ms > s->now.ms;
}

void store_answer(struct store *s)
{
    static struct store_revocation page[STORE_LIST_MAX];
    struct store_result r = {.status = STORE_OK, .revocations = page};
    for (size_t i = 0; i < s->table->n_rows && !r.more; i++) {
        if (!is_wanted(s, &s->table->rows[i]))
            continue;
        r.more = r.n_revocations == STORE_LIST_MAX;
        if (!r.more)
            page[r.n_revocations++] = s->table->rows[i];
    }
    if (s->failing)
        r = (struct store_result){.status = STORE_FAILED, .class = ERR_BACKOFF};
    s->asked = false;
    s->caller.done(s->caller.owner, s->caller.id, &r);
}

static void answer(void *arg)
{
    store_answer(arg);
}

bool store_revocations_after(struct store *s, wall_ms_t revoked_at, struct slice sid, wall_ms_t now,
                             struct store_caller c)
{
    if (s->full)
        return false;
    assert_false(s->asked); /* one at a time */
    s->asked = true;
    s->questions++;
    s->revoked_at = revoked_at;
    s->now = now;
    s->caller = c;
    assert_true(slice_copy(sid, s->sid, sizeof s->sid));
    if (!s->holding)
        loop_defer(s->loop, answer, s);
    return true;
}

const char *sid_of(unsigned number)
{
    static char texts[4][SESSION_ID_SIZE];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    snprintf(text, SESSION_ID_SIZE, "%032x", number);
    return text;
}

void write_row(struct table *t, unsigned number, int64_t ago_ms)
{
    wall_ms_t now = clock_wall();
    struct store_revocation row = {"", wall_after(now, -ago_ms), wall_after(now, HOUR_MS)};
    assert_true(slice_copy(slice_of(sid_of(number)), row.sid, sizeof row.sid));
    size_t at = t->n_rows++;
    assert_true(at < ROWS_MAX);
    for (; at > 0 && t->rows[at - 1].revoked_at.ms > row.revoked_at.ms; at--)
        t->rows[at] = t->rows[at - 1];
    t->rows[at] = row;
}

/* ---- processes ---- */

const struct revocation_watch_options untimed = {HOUR_MS, HOUR_MS, HOUR_MS, 10000};

static struct store *store_of(struct loop *l, struct table *table)
{
    struct store *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->table = table;
    return s;
}

struct bench bench_open(void)
{
    struct bench b = {.loop = loop_new(), .server = server_start(NULL)};
    b.table = xcalloc(1, sizeof *b.table);
    b.store = store_of(b.loop, b.table);
    b.other_store = store_of(b.loop, b.table);
    return b;
}

void bench_close(struct bench *b)
{
    server_free(b->server);
    loop_free(b->loop);
    free(b->other_store);
    free(b->store);
    free(b->table);
}

struct process process_start(struct bench *b, struct store *s,
                             const struct revocation_watch_options *o)
{
    struct redis_url url = rig_unix_url(server_socket(b->server));
    struct redis_options ro = rig_options();
    struct process p = {b->loop, redis_client_new(b->loop, &url, &ro),
                        redis_subscriber_new(b->loop, &url, &ro), s, NULL};
    const struct revocation_watch_parts parts = {p.loop, p.client, p.subscriber, p.store, "p"};
    redis_url_wipe(&url);
    p.watch = revocation_watch_new(&parts, o);
    return p;
}

/* The message comes while the first reading is held, so there is exactly one more. */
struct process process_settled(struct bench *b, struct store *s,
                               const struct revocation_watch_options *o)
{
    s->holding = true;
    struct process p = process_start(b, s, o);
    RUN_UNTIL(b->loop, SOON_MS, s->asked && stats(&p).live);
    publish(&p, "*");
    RUN_UNTIL(b->loop, SOON_MS, stats(&p).heard == 1);
    s->holding = false;
    store_answer(s);
    RUN_UNTIL(b->loop, SOON_MS, stats(&p).readings == 2);
    return p;
}

void process_stop(struct process *p)
{
    if (p->store->asked) /* as store_close would */
        store_answer(p->store);
    revocation_watch_free(p->watch);
    redis_subscriber_free(p->subscriber);
    redis_client_free(p->client);
}

struct revocation_watch_stats stats(const struct process *p)
{
    return revocation_watch_stats(p->watch);
}

bool has(const struct process *p, unsigned number)
{
    return revocation_watch_has(p->watch, slice_of(sid_of(number)));
}

void announce(struct process *p, unsigned first, size_t n)
{
    struct store_session ended[200];
    memset(ended, 0, sizeof ended);
    assert_true(n <= ARRAY_LEN(ended));
    for (size_t i = 0; i < n; i++)
        assert_true(
            slice_copy(slice_of(sid_of(first + (unsigned)i)), ended[i].id, sizeof ended[i].id));
    revocation_watch_announce(p->watch, ended, n, wall_after(clock_wall(), HOUR_MS));
}

void publish(struct process *p, const char *message)
{
    redis_command(
        p->client, REDIS_WAIT, SOON_MS,
        REDIS_ARGV(SLICE_LIT("PUBLISH"), SLICE_LIT("p:sessions:ended"), slice_of(message)), NULL,
        NULL);
}
