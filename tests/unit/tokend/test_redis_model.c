/* The simulator's Redis against the real one: the same random operations are carried out by the Lua
 * scripts and by the model that the simulator trusts, and after each both have answered the same
 * and hold the same.
 *
 * Time passes by making everything in Redis that much older. Lives are odd multiples of 50 s and
 * time passes by 100 s, so that no end is ever near a moment that is looked at. */
#include "desk.h"

#include <inttypes.h>

#include "base/prng.h"
#include "sim/redis.h"

enum {
    WORLDS = 100,
    OPERATIONS = 80,
    STEP_MS = 100000,
    TOLERANCE_MS = 10000, /* between the model's clock and Redis's, far less than to any end */
    DAY = 19675,
};

/* One pair of Redises, and the world they are in. */
struct pair {
    struct desk *desk;
    struct redis model;
    struct prng prng;
    uint64_t seed;
    int operation;                         /* its number, for messages */
    int64_t now;                           /* on Redis's clock, when last looked at */
    int64_t high_epoch;                    /* of the leaders so far */
    int tokens;                            /* used so far */
    int64_t budget;                        /* of a day */
    int (*seen)[REFRESH_STORE_FAILED + 1]; /* answers so far, by kind and outcome */
    char token[TOKEN_NAME_SIZE], previous[TOKEN_NAME_SIZE], intent[32];
};

static int64_t draw(struct pair *p, int64_t min, int64_t max)
{
    return prng_between(&p->prng, min, max);
}

/* ---- comparing ---- */

static void differ(const struct pair *p, const char *what, int64_t real, int64_t model)
{
    fail_msg("seed %" PRIu64 ", operation %d: %s is %" PRId64 " in Redis, %" PRId64 " in the model",
             p->seed, p->operation, what, real, model);
}

static void same(const struct pair *p, const char *what, int64_t real, int64_t model)
{
    if (real != model)
        differ(p, what, real, model);
}

static void about(const struct pair *p, const char *what, int64_t real, int64_t model)
{
    if (real < model - TOLERANCE_MS || real > model + TOLERANCE_MS)
        differ(p, what, real, model);
}

static void same_text(const struct pair *p, const char *what, struct slice real, struct slice model)
{
    if (!slice_eq(real, model))
        fail_msg("seed %" PRIu64 ", operation %d: %s is \"%.*s\" in Redis, \"%.*s\" in the model",
                 p->seed, p->operation, what, (int)real.n, real.p ? real.p : "", (int)model.n,
                 model.p ? model.p : "");
}

static struct slice name_of(int token, char out[TOKEN_NAME_SIZE])
{
    if (token == 0)
        return slice_of("");
    token_name(token, out);
    return slice_of(out);
}

static void compare_token(const struct pair *p, const struct desk_view *v)
{
    const struct redis_data *d = &p->model.data;
    char name[TOKEN_NAME_SIZE];
    int token = redis_token(&p->model, v->now);
    same_text(p, "access_token", slice_of(v->access_token), name_of(token, name));
    same_text(p, "the record's token", slice_of(v->record_token), name_of(token, name));
    if (token == 0)
        return;
    about(p, "the end of access_token", v->access_until, d->token_until);
    about(p, "the end of the record", v->record_until, d->token_until);
    same(p, "the record's issued_at", v->record_issued_at, d->issued_at);
    same(p, "the record's expires_at", v->record_expires_at, d->expires_at);
    same_text(p, "the record's mode", slice_of(v->record_mode), slice_of(token_mode_name(d->mode)));
}

static void compare_previous(const struct pair *p, const struct desk_view *v)
{
    char name[TOKEN_NAME_SIZE];
    int token = redis_previous(&p->model, v->now);
    same_text(p, "previous_access_token", slice_of(v->previous_access_token), name_of(token, name));
    if (token)
        about(p, "the end of previous_access_token", v->previous_until,
              p->model.data.previous_until);
}

static const char *const owners[] = {"", "one", "two", "three"};

static void compare_lease(const struct pair *p, const struct desk_view *v)
{
    const struct redis_data *d = &p->model.data;
    bool held = d->lease_owner && v->now < d->lease_until;
    same_text(p, "the leader", slice_of(v->leader), slice_of(owners[held ? d->lease_owner : 0]));
    if (held)
        about(p, "the end of the lease", v->leader_until, d->lease_until);
    same(p, "the epoch counter", v->leader_epoch, d->epoch);
}

static void compare_states(struct pair *p)
{
    const struct redis_data *d = &p->model.data;
    struct desk_view v;
    desk_look(p->desk, &v);
    p->now = v.now;
    same(p, "version", v.version > v.record_version ? v.version : v.record_version, d->version);
    same(p, "state.epoch", v.epoch, d->state_epoch);
    same(p, "state.day", v.day, d->day);
    same(p, "state.issued_today", v.issued_today, d->issued_today);
    about(p, "state.forced_at", v.forced_at, d->forced_at);
    same_text(p, "intent", slice_of(v.intent), slice_of(d->intent));
    compare_token(p, &v);
    compare_previous(p, &v);
    compare_lease(p, &v);
}

static void compare_seen(const struct pair *p, const struct refresh_seen *real,
                         const struct refresh_seen *model)
{
    same(p, "seen.version", real->version, model->version);
    same_text(p, "seen.token", real->token, model->token);
    same_text(p, "seen.previous", real->previous, model->previous);
    same_text(p, "seen.intent", real->intent, model->intent);
    same(p, "seen.day", real->day, model->day);
    same(p, "seen.issued_today", real->issued_today, model->issued_today);
    if (model->token.n) {
        about(p, "seen.remaining", real->remaining_ms, model->remaining_ms);
        same(p, "seen.issued_at", real->issued_at.ms, model->issued_at.ms);
        same(p, "seen.expires_at", real->expires_at.ms, model->expires_at.ms);
        same(p, "seen.mode", real->mode, model->mode);
    }
    if (model->previous.n)
        about(p, "seen.previous_remaining", real->previous_remaining_ms,
              model->previous_remaining_ms);
}

/* ---- operations of the refresh ---- */

static void carry_out(struct pair *p, struct refresh_action *a)
{
    struct refresh_event model;
    struct redis_names names;
    const struct refresh_event *real = desk_run(p->desk, a);
    int64_t now = real->redis_now.ms ? real->redis_now.ms : p->now;
    a->op = 1; /* as the desk's answers */
    redis_refresh(&p->model, a, now, &model, &names);
    same(p, "the kind of answer", real->kind, model.kind);
    same(p, "the outcome", real->store, model.store);
    p->seen[a->kind][real->store]++;
    same(p, "what forbids", p->desk->fenced_by,
         model.store == REFRESH_STORE_FENCED ? p->model.data.state_epoch : 0);
    same(p, "that Redis tells its time", real->redis_now.ms != 0, model.redis_now.ms != 0);
    if (real->store != REFRESH_STORE_OK)
        return;
    same(p, "the answer's version", real->version, model.version);
    same(p, "the answer's issued_today", real->issued_today, model.issued_today);
    if (a->kind == REFRESH_DO_READ)
        compare_seen(p, &real->seen, &model.seen);
}

static int64_t some_epoch(struct pair *p)
{
    int64_t epoch = p->high_epoch + (draw(p, 0, 9) == 0) - (draw(p, 0, 9) == 0);
    if (p->high_epoch < epoch)
        p->high_epoch = epoch;
    return epoch > 0 ? epoch : 1;
}

static int64_t some_version(struct pair *p)
{
    int64_t version = p->model.data.version + (draw(p, 0, 9) == 0) - (draw(p, 0, 9) == 0);
    return version > 0 ? version : 0;
}

static int64_t some_day(struct pair *p)
{
    return DAY + (draw(p, 0, 9) == 0) - (draw(p, 0, 9) == 0);
}

/* An odd number of half steps; now and then none is left. */
static int64_t some_life(struct pair *p)
{
    return (draw(p, 0, 9) ? draw(p, 0, 2) * 2 + 1 : -1) * STEP_MS / 2;
}

static struct refresh_written some_record(struct pair *p, int64_t version)
{
    bool new_one = p->model.data.token == 0 || draw(p, 0, 3) > 0;
    bool previous = draw(p, 0, 1);
    name_of(new_one ? ++p->tokens : p->model.data.token, p->token);
    token_name(p->tokens + 1000, p->previous);
    return (struct refresh_written){
        .version = version,
        .token = slice_of(p->token),
        .mode = draw(p, 0, 1) ? TOKEN_STABLE : TOKEN_CLASSIC,
        .issued_at = {p->now - draw(p, 0, 1000)},
        .expires_at = {p->now + some_life(p)},
        .ttl_ms = some_life(p),
        .previous = previous ? slice_of(p->previous) : slice_of(NULL),
        .previous_until = {p->now + some_life(p)},
        .previous_ttl_ms = some_life(p),
    };
}

static void do_read(struct pair *p)
{
    struct refresh_action a = {.kind = REFRESH_DO_READ, .epoch = draw(p, 0, 1) ? some_epoch(p) : 0};
    carry_out(p, &a);
}

static void do_begin(struct pair *p)
{
    (void)snprintf(p->intent, sizeof p->intent, "intent-%d", p->operation);
    struct refresh_action a = {
        .kind = REFRESH_DO_BEGIN,
        .epoch = some_epoch(p),
        .version = some_version(p),
        .day = some_day(p),
        .issued_today = draw(p, 0, 3),
        .budget = p->budget,
        .intent = slice_of(p->intent),
        .force = draw(p, 0, 1),
    };
    carry_out(p, &a);
}

/* Of the attempt that ends: mostly the one that is open, else one that is over. */
static struct slice some_intent(struct pair *p)
{
    ASSERT(slice_copy(draw(p, 0, 4) ? slice_of(p->model.data.intent) : SLICE_LIT("other"),
                      p->intent, sizeof p->intent));
    return slice_of(p->intent);
}

static void do_commit(struct pair *p)
{
    struct refresh_action a = {
        .kind = REFRESH_DO_COMMIT,
        .epoch = some_epoch(p),
        .record = some_record(p, some_version(p)),
        .intent = some_intent(p),
        .refund = draw(p, 0, 1),
    };
    carry_out(p, &a);
}

static void do_assert(struct pair *p)
{
    (void)snprintf(p->intent, sizeof p->intent, "intent-%d", p->operation);
    struct refresh_action a = {
        .kind = REFRESH_DO_ASSERT,
        .epoch = some_epoch(p),
        .record = some_record(p, some_version(p)),
        .day = some_day(p),
        .issued_today = draw(p, 0, 3),
        .intent = draw(p, 0, 1) ? slice_of(p->intent) : slice_of(NULL),
    };
    carry_out(p, &a);
}

static void do_settle(struct pair *p)
{
    struct refresh_action a = {
        .kind = REFRESH_DO_SETTLE,
        .epoch = some_epoch(p),
        .intent = some_intent(p),
        .drop_intent = draw(p, 0, 1),
        .refund = draw(p, 0, 1),
        .err = ERR_BACKOFF,
        .errcode = -1,
    };
    carry_out(p, &a);
}

/* ---- the lease, time and loss ---- */

static void do_lease(struct pair *p)
{
    static const enum lease_action_kind kinds[] = {LEASE_DO_ACQUIRE, LEASE_DO_RENEW,
                                                   LEASE_DO_RELEASE};
    struct redis_data *d = &p->model.data;
    int owner = (int)draw(p, 1, 3);
    struct lease_action a = {
        .kind = kinds[draw(p, 0, 2)], .op = 1, .epoch = p->now + draw(p, -20000, 20000)};
    struct lease_event real = desk_run_lease(p->desk, owners[owner], a.kind, a.epoch), model;
    /* An epoch that is the clock tells what the clock was. */
    bool by_clock = real.kind == LEASE_GRANTED && a.kind == LEASE_DO_ACQUIRE &&
                    real.epoch > d->epoch + 1 && real.epoch != a.epoch + 1;
    redis_lease(&p->model, owner, p->desk->store.lease_ttl_ms, &a, by_clock ? real.epoch : p->now,
                &model);
    same(p, "the lease's answer", real.kind, model.kind);
    if (a.kind != LEASE_DO_RELEASE)
        same(p, "the lease's epoch", real.epoch, model.epoch);
    about(p, "what is left of the lease", real.remaining_ms, model.remaining_ms);
}

static void age_key(struct pair *p, const char *key)
{
    char command[128];
    int64_t left;
    (void)snprintf(command, sizeof command, "PTTL %s", key);
    assert_true(slice_to_int(slice_of(server_do(p->desk->server, command)), -2, INT32_MAX, &left));
    (void)snprintf(command, sizeof command, "PEXPIRE %s %" PRId64, key, left - STEP_MS);
    server_do(p->desk->server, command);
}

static void do_pass_time(struct pair *p)
{
    struct redis_data *d = &p->model.data;
    char command[128];
    age_key(p, DESK_APP "access_token");
    age_key(p, DESK_APP "previous_access_token");
    age_key(p, DESK_APP "token");
    age_key(p, DESK_PREFIX ":leader");
    (void)snprintf(command, sizeof command, "HINCRBY " DESK_APP "state forced_at %d", -STEP_MS);
    server_do(p->desk->server, command);
    d->token_until -= STEP_MS;
    d->previous_until -= STEP_MS;
    d->lease_until -= STEP_MS;
    d->forced_at -= STEP_MS;
}

static void do_lose_everything(struct pair *p)
{
    server_do(p->desk->server, "FLUSHALL");
    p->model.data = (struct redis_data){0};
}

static void (*some_operation(struct pair *p))(struct pair *p)
{
    static void (*const operations[])(struct pair *) = {
        do_read,   do_read,   do_begin,  do_begin, do_begin, do_commit,    do_commit,
        do_commit, do_assert, do_settle, do_lease, do_lease, do_pass_time, do_pass_time,
    };
    if (draw(p, 0, OPERATIONS - 1) == 0)
        return do_lose_everything;
    return operations[draw(p, 0, ARRAY_LEN(operations) - 1)];
}

static void run_world(struct pair *p)
{
    do_lose_everything(p);
    for (p->operation = 1; p->operation <= OPERATIONS; p->operation++) {
        some_operation(p)(p);
        compare_states(p);
    }
}

/* Every way in which a script can end must have been compared. */
static void check_reach(int (*seen)[REFRESH_STORE_FAILED + 1])
{
    static const struct {
        enum refresh_action_kind kind;
        enum refresh_store outcome;
    } all[] = {
        {REFRESH_DO_READ, REFRESH_STORE_OK},       {REFRESH_DO_READ, REFRESH_STORE_FENCED},
        {REFRESH_DO_BEGIN, REFRESH_STORE_OK},      {REFRESH_DO_BEGIN, REFRESH_STORE_FENCED},
        {REFRESH_DO_BEGIN, REFRESH_STORE_NEWER},   {REFRESH_DO_BEGIN, REFRESH_STORE_BUDGET},
        {REFRESH_DO_BEGIN, REFRESH_STORE_FORCED},  {REFRESH_DO_COMMIT, REFRESH_STORE_OK},
        {REFRESH_DO_COMMIT, REFRESH_STORE_NEWER},  {REFRESH_DO_COMMIT, REFRESH_STORE_FENCED},
        {REFRESH_DO_ASSERT, REFRESH_STORE_OK},     {REFRESH_DO_ASSERT, REFRESH_STORE_NEWER},
        {REFRESH_DO_ASSERT, REFRESH_STORE_FENCED}, {REFRESH_DO_ASSERT, REFRESH_STORE_FAILED},
        {REFRESH_DO_COMMIT, REFRESH_STORE_FAILED}, {REFRESH_DO_SETTLE, REFRESH_STORE_OK},
        {REFRESH_DO_SETTLE, REFRESH_STORE_FENCED},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (seen[all[i].kind][all[i].outcome] < 10)
            fail_msg("outcome %d of operation %d hardly came", (int)all[i].outcome,
                     (int)all[i].kind);
}

static void the_model_answers_and_holds_what_redis_does(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int seen[REFRESH_DO_NOTE + 1][REFRESH_STORE_FAILED + 1] = {{0}};
    d->store.lease_ttl_ms = STEP_MS / 2;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        struct pair p = {
            .desk = d, .seed = seed, .high_epoch = 1, .now = desk_now(d), .seen = seen};
        prng_seed(&p.prng, seed);
        p.budget = draw(&p, 0, 1) ? 12 : 500;
        run_world(&p);
    }
    check_reach(seen);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_answers_and_holds_what_redis_does),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
