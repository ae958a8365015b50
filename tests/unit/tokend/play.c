#include "play.h"

#include <stdlib.h>

/* Redis's clock when ours is 0: some noon in Shanghai. */
static const wall_ms_t redis_start = {1700020800000};

/* ---- words ---- */

static const char *action_name(enum refresh_action_kind k)
{
    static const char *const names[] = {
        [REFRESH_DO_READ] = "read",     [REFRESH_DO_ASSERT] = "assert",
        [REFRESH_DO_BEGIN] = "begin",   [REFRESH_DO_FETCH] = "fetch",
        [REFRESH_DO_COMMIT] = "commit", [REFRESH_DO_SETTLE] = "settle",
        [REFRESH_DO_TELL] = "tell",     [REFRESH_DO_PROBE] = "probe",
        [REFRESH_DO_NOTE] = "note",
    };
    return names[k];
}

void assert_slice(struct slice a, const char *expected)
{
    if (!slice_is(a, expected))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)a.n, a.p ? a.p : "", expected);
}

/* ---- events ---- */

static struct refresh_env env_of(const struct play *p)
{
    return (struct refresh_env){p->now, mono_after(p->now, p->lease_left_ms)};
}

bool play_asks(const struct play *p)
{
    return p->taken < p->out.n;
}

static void check_all_taken(const struct play *p)
{
    if (play_asks(p))
        fail_msg("the core asked to %s", action_name(p->out.list[p->taken].kind));
}

static void check_no_stall(const struct play *p)
{
    mono_ms_t deadline = refresh_deadline(p->core);
    if (refresh_outstanding(p->core))
        assert_true(deadline.ms == MONO_NEVER.ms);
    else if (deadline.ms <= p->now.ms || deadline.ms == MONO_NEVER.ms)
        fail_msg("%s with a deadline %lld ms from now", refresh_state_name(play_status(p).state),
                 (long long)mono_between(p->now, deadline));
}

void play_send(struct play *p, const struct refresh_event *ev)
{
    struct refresh_env env = env_of(p);
    check_all_taken(p);
    p->out.n = p->taken = 0;
    refresh_step(p->core, &env, ev, &p->out);
    check_no_stall(p);
}

void play_tell(struct play *p, enum refresh_event_kind kind)
{
    play_send(p, &(struct refresh_event){.kind = kind});
}

void play_lead(struct play *p, int64_t epoch)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_LEAD, .epoch = epoch});
}

void play_report(struct play *p, int64_t version)
{
    play_send(
        p, &(struct refresh_event){.kind = REFRESH_REPORT, .version = version, .errcode = 40001});
}

void play_displaced(struct play *p)
{
    struct refresh_action asked = p->asked;
    play_tell(p, REFRESH_DISPLACED);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    p->asked = asked;
}

void play_order(struct play *p)
{
    bool ordered = play_status(p).reason == REFRESH_REASON_ORDERED;
    play_tell(p, REFRESH_ORDER);
    if (!ordered)
        play_take_note(p, REFRESH_NOTE_ORDERED);
}

void play_configure(struct play *p, const struct refresh_config *config)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_RECONFIGURE, .config = config});
}

/* ---- time ---- */

void play_pass(struct play *p, int64_t ms)
{
    p->now = mono_after(p->now, ms);
}

static void tick_at(struct play *p, mono_ms_t when)
{
    p->now = when;
    play_tell(p, REFRESH_TICK);
}

int64_t play_await(struct play *p)
{
    mono_ms_t start = p->now;
    while (!play_asks(p)) {
        mono_ms_t deadline = refresh_deadline(p->core);
        if (mono_between(start, deadline) > 48 * HOUR)
            fail_msg("nothing is asked for in two days");
        tick_at(p, deadline);
    }
    return mono_between(start, p->now);
}

void play_quiet(struct play *p, int64_t ms)
{
    mono_ms_t end = mono_after(p->now, ms);
    while (refresh_deadline(p->core).ms <= end.ms) {
        tick_at(p, refresh_deadline(p->core));
        check_all_taken(p);
    }
    p->now = end;
}

wall_ms_t play_redis_now(const struct play *p)
{
    return wall_after(redis_start, p->now.ms);
}

/* ---- what is asked for ---- */

const struct refresh_action *play_take(struct play *p, enum refresh_action_kind kind)
{
    if (!play_asks(p))
        fail_msg("the core did not ask to %s", action_name(kind));
    const struct refresh_action *a = &p->out.list[p->taken++];
    if (a->kind != kind)
        fail_msg("the core asked to %s, not to %s", action_name(a->kind), action_name(kind));
    if (a->op)
        p->asked = *a;
    return a;
}

void play_take_note(struct play *p, enum refresh_note note)
{
    assert_string_equal(refresh_note_name(play_take(p, REFRESH_DO_NOTE)->note),
                        refresh_note_name(note));
}

/* ---- answers ---- */

void play_store(struct play *p, enum refresh_store outcome)
{
    const struct refresh_action *a = &p->asked;
    struct refresh_event ev = {.kind = refresh_answer(a->kind), .op = a->op, .store = outcome};
    if (outcome == REFRESH_STORE_OK) {
        ev.redis_now = play_redis_now(p);
        ev.issued_today = a->issued_today + 1;
        ev.version = a->record.version + 1;
    }
    play_send(p, &ev);
}

void play_read(struct play *p, const struct refresh_seen *seen)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_READ,
                                         .op = p->asked.op,
                                         .redis_now = play_redis_now(p),
                                         .seen = *seen});
}

void play_late(struct play *p, wall_ms_t redis_now)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_COMMITTED,
                                         .op = p->asked.op,
                                         .store = REFRESH_STORE_FAILED,
                                         .redis_now = redis_now});
}

void play_token(struct play *p, const char *token, int64_t expires_in_ms)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_FETCHED,
                                         .op = p->asked.op,
                                         .fetch = REFRESH_FETCH_TOKEN,
                                         .token = slice_of(token),
                                         .expires_in_ms = expires_in_ms});
}

void play_refused(struct play *p, enum err_class err, int64_t errcode)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_FETCHED,
                                         .op = p->asked.op,
                                         .fetch = REFRESH_FETCH_REFUSED,
                                         .err = err,
                                         .errcode = errcode});
}

void play_no_token(struct play *p, enum refresh_fetch how)
{
    play_send(p, &(struct refresh_event){.kind = REFRESH_FETCHED, .op = p->asked.op, .fetch = how});
}

void play_probe(struct play *p, enum refresh_probe probe)
{
    play_send(p,
              &(struct refresh_event){.kind = REFRESH_PROBED, .op = p->asked.op, .probe = probe});
}

struct refresh_seen play_seen(const struct play *p, int64_t version, const char *token,
                              int64_t remaining_ms)
{
    wall_ms_t now = play_redis_now(p);
    return (struct refresh_seen){
        .version = version,
        .token = slice_of(token),
        .remaining_ms = token ? remaining_ms : -2,
        .issued_at = wall_after(now, remaining_ms - LIFETIME),
        .expires_at = wall_after(now, remaining_ms),
        .previous_remaining_ms = -2,
        .day = wall_quota_day(now),
    };
}

/* ---- several in a row ---- */

void play_begin(struct play *p)
{
    play_take(p, REFRESH_DO_BEGIN);
    play_store(p, REFRESH_STORE_OK);
}

void play_fetch(struct play *p, const char *token)
{
    play_take(p, REFRESH_DO_FETCH);
    play_token(p, token, LIFETIME);
}

void play_commit(struct play *p)
{
    play_take(p, REFRESH_DO_COMMIT);
    play_store(p, REFRESH_STORE_OK);
}

void play_refresh(struct play *p, const char *token)
{
    play_begin(p);
    play_fetch(p, token);
    play_commit(p);
}

void play_fail(struct play *p, enum err_class err, int64_t errcode)
{
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_refused(p, err, errcode);
    play_take(p, REFRESH_DO_SETTLE);
    play_store(p, REFRESH_STORE_OK);
}

/* ---- looks ---- */

struct refresh_status play_status(const struct play *p)
{
    struct refresh_env env = env_of(p);
    return refresh_status(p->core, &env);
}

void play_serves(const struct play *p, const char *token, int64_t version)
{
    struct slice served;
    int64_t served_version, remaining_ms;
    bool any = refresh_current(p->core, p->now, &served, &served_version, &remaining_ms);
    assert_int_equal(any, token != NULL);
    if (!token)
        return;
    assert_slice(served, token);
    assert_int_equal(served_version, version);
    assert_true(remaining_ms > 0);
}

/* ---- life ---- */

struct refresh_config play_config(enum token_mode mode)
{
    return (struct refresh_config){
        .mode = mode,
        .lead_ms = LEAD,
        .overlap_ms = OVERLAP,
        .retry_min_ms = SECOND,
        .retry_max_ms = MINUTE,
        .observe_interval_ms = 1000 * HOUR,
        .call_timeout_ms = CALL_TIMEOUT,
        .lease_needed_ms = LEASE_NEEDED,
        .daily_budget = 500,
    };
}

struct play *play_new(const struct refresh_config *config, uint64_t seed)
{
    struct play *p = xcalloc(1, sizeof *p);
    p->now = (mono_ms_t){5000000};
    p->lease_left_ms = HOUR;
    p->core = refresh_new(config, seed, "here", p->now);
    play_tell(p, REFRESH_TICK);
    return p;
}

void play_free(struct play *p)
{
    check_all_taken(p);
    refresh_free(p->core);
    free(p);
}

struct play *play_leading(const struct refresh_config *config, int64_t version, const char *token,
                          int64_t remaining_ms)
{
    struct play *p = play_new(config, 1);
    struct refresh_seen seen = play_seen(p, version, token, remaining_ms);
    seen.mode = config->mode;
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    play_lead(p, 1);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    return p;
}

struct play *play_holding(void)
{
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", LIFETIME);
    check_all_taken(p);
    return p;
}

struct play *play_without_token(void)
{
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    return play_leading(&config, 0, NULL, 0);
}

struct play *play_fetching(void)
{
    struct play *p = play_without_token();
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    return p;
}
