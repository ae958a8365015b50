#include "desk.h"

#include <stdlib.h>

enum { PATIENCE_MS = 10000, VIEW_KEYS = 7 };

/* ---- waiting ---- */

static void on_deadline(void *arg)
{
    (void)arg;
    fail_msg("Redis did not answer");
}

/* Turns the loop until what is under way is over. */
static void wait_for_it(struct desk *d)
{
    struct loop_timer *timer = loop_timer_new(d->loop, on_deadline, d);
    loop_timer_after(timer, PATIENCE_MS);
    while (d->waiting)
        loop_run(d->loop);
    loop_timer_free(timer);
}

static void done(struct desk *d)
{
    d->waiting = false;
    loop_stop(d->loop);
}

/* ---- the refresh ---- */

static struct slice keep(char *buf, size_t size, struct slice s)
{
    assert_true(slice_copy(s, buf, size));
    return slice_of(buf);
}

static void on_answer(const struct redis_result *r, void *arg)
{
    struct desk *d = arg;
    if (r->outcome != REDIS_REPLIED)
        fail_msg("%.*s", (int)r->text.n, r->text.p);
    store_answer(d->kind, 1, r, &d->answer, &d->fenced_by);
    struct refresh_seen *seen = &d->answer.seen;
    seen->token = keep(d->token, sizeof d->token, seen->token);
    seen->previous = keep(d->previous, sizeof d->previous, seen->previous);
    seen->intent = keep(d->intent, sizeof d->intent, seen->intent);
    done(d);
}

const struct refresh_event *desk_run(struct desk *d, const struct refresh_action *a)
{
    d->waiting = true;
    d->kind = a->kind;
    store_run(&d->store, DESK_APPID, a, on_answer, d);
    wait_for_it(d);
    return &d->answer;
}

/* ---- the lease ---- */

static void on_lease_answer(const struct redis_result *r, void *arg)
{
    struct desk *d = arg;
    struct lease_holder holder;
    store_lease_answer(1, r, &d->lease_answer, &holder);
    d->lease_epoch_held = holder.epoch;
    if (!slice_copy(holder.name, d->lease_holder, sizeof d->lease_holder))
        fail_msg("a name of %zu bytes", holder.name.n);
    done(d);
}

struct lease_event desk_run_lease(struct desk *d, const char *owner, enum lease_action_kind kind,
                                  int64_t epoch)
{
    const struct lease_action a = {.kind = kind, .op = 1, .epoch = epoch};
    d->waiting = true;
    d->store.owner = owner;
    store_run_lease(&d->store, &a, on_lease_answer, d);
    wait_for_it(d);
    return d->lease_answer;
}

/* ---- what was published ---- */

static void on_message(struct slice channel, struct slice payload, void *arg)
{
    struct desk *d = arg;
    if (slice_is(channel, "mark")) {
        done(d);
        return;
    }
    d->published++;
    keep(d->message, sizeof d->message, payload);
}

/* Messages come in order: when the mark is heard, so is all that was published before it. */
int desk_published(struct desk *d)
{
    int n;
    d->waiting = true;
    server_do(d->server, "PUBLISH mark 1");
    wait_for_it(d);
    n = d->published;
    d->published = 0;
    return n;
}

/* ---- what stands in Redis ---- */

static const char view_source[] =
    "local access, previous, record, state, intent, leader, epoch = unpack(KEYS)\n"
    "local clock = redis.call('TIME')\n"
    "local now = clock[1] * 1000 + math.floor(clock[2] / 1000)\n"
    "local function till(key)\n"
    "    local left = redis.call('PTTL', key)\n"
    "    return left > 0 and now + left or left\n"
    "end\n"
    "local r = redis.call('HMGET', record, 'access_token', 'mode', 'version', 'issued_at',\n"
    "                     'expires_at')\n"
    "local s = redis.call('HMGET', state, 'version', 'epoch', 'day', 'issued_today', 'forced_at')\n"
    "return {now, redis.call('GET', access) or '', till(access),\n"
    "        redis.call('GET', previous) or '', till(previous),\n"
    "        r[1] or '', r[2] or '', r[3] or 0, r[4] or 0, r[5] or 0, till(record),\n"
    "        s[1] or 0, s[2] or 0, s[3] or 0, s[4] or 0, s[5] or 0,\n"
    "        redis.call('GET', intent) or '', redis.call('GET', leader) or '', till(leader),\n"
    "        redis.call('GET', epoch) or 0}\n";

static void on_view(const struct redis_result *r, void *arg)
{
    struct desk *d = arg;
    struct desk_view *v = d->view;
    size_t i = 0;
    if (r->outcome != REDIS_REPLIED)
        fail_msg("%.*s", (int)r->text.n, r->text.p);
#define NUMBER(field) assert_true(redis_value_int(redis_value_at(r->value, i++), &v->field))
#define TEXT(field)                                                                                \
    keep(v->field, sizeof v->field, redis_value_slice(redis_value_at(r->value, i++)))
    NUMBER(now);
    TEXT(access_token);
    NUMBER(access_until);
    TEXT(previous_access_token);
    NUMBER(previous_until);
    TEXT(record_token);
    TEXT(record_mode);
    NUMBER(record_version);
    NUMBER(record_issued_at);
    NUMBER(record_expires_at);
    NUMBER(record_until);
    NUMBER(version);
    NUMBER(epoch);
    NUMBER(day);
    NUMBER(issued_today);
    NUMBER(forced_at);
    TEXT(intent);
    TEXT(leader);
    NUMBER(leader_until);
    NUMBER(leader_epoch);
#undef NUMBER
#undef TEXT
    done(d);
}

void desk_look(struct desk *d, struct desk_view *view)
{
    struct redis_script script;
    const struct slice keys[VIEW_KEYS] = {
        SLICE_LIT(DESK_APP "access_token"), SLICE_LIT(DESK_APP "previous_access_token"),
        SLICE_LIT(DESK_APP "token"),        SLICE_LIT(DESK_APP "state"),
        SLICE_LIT(DESK_APP "intent"),       SLICE_LIT(DESK_PREFIX ":leader"),
        SLICE_LIT(DESK_PREFIX ":epoch"),
    };
    redis_script_init(&script, "view", slice_of(view_source));
    d->waiting = true;
    d->view = view;
    redis_run(d->client, &script, REDIS_NOW, PATIENCE_MS, keys, VIEW_KEYS, NULL, 0, on_view, d);
    wait_for_it(d);
}

int64_t desk_now(struct desk *d)
{
    struct desk_view view;
    desk_look(d, &view);
    return view.now;
}

/* ---- life ---- */

static bool all_live(struct redis_subscription *const *subs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!redis_subscription_live(subs[i]))
            return false;
    return true;
}

static void listen_to_all(struct desk *d)
{
    static const struct redis_listener listener = {.on_message = on_message};
    static const char *const channels[] = {DESK_APP "refreshed", DESK_PREFIX ":leader:released",
                                           "mark"};
    struct redis_subscription *subs[ARRAY_LEN(channels)];
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        subs[i] =
            redis_subscribe(d->subscriber, REDIS_CHANNEL, slice_of(channels[i]), &listener, d);
    RUN_UNTIL(d->loop, PATIENCE_MS, all_live(subs, ARRAY_LEN(subs)));
}

struct desk *desk_open(void)
{
    struct desk *d = xcalloc(1, sizeof *d);
    d->server = server_start(NULL);
    struct redis_url u = rig_unix_url(server_socket(d->server));
    d->loop = loop_new();
    d->client = redis_client_new(d->loop, &u, NULL);
    d->subscriber = redis_subscriber_new(d->loop, &u, NULL);
    redis_url_wipe(&u);
    token_scripts_init(&d->scripts);
    d->store = (struct store){.redis = d->client,
                              .scripts = &d->scripts,
                              .prefix = DESK_PREFIX,
                              .owner = "one",
                              .timeout_ms = PATIENCE_MS,
                              .lease_ttl_ms = PATIENCE_MS};
    RUN_UNTIL(d->loop, PATIENCE_MS, redis_client_ready(d->client));
    listen_to_all(d);
    return d;
}

void desk_close(struct desk *d)
{
    redis_subscriber_free(d->subscriber);
    redis_client_free(d->client);
    loop_free(d->loop);
    token_scripts_deinit(&d->scripts);
    server_free(d->server);
    free(d);
}
