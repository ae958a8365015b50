#include "sim/redis.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* ---- lease ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void lease_acquire(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                          int64_t now, struct lease_event *answer)
{
    struct redis_data *d = &r->data;
    if (d->lease_owner && d->lease_owner != owner && now < d->lease_until) {
        answer->kind = LEASE_HELD;
        answer->remaining_ms = d->lease_until - now;
        return;
    }
    d->lease_owner = owner;
    d->lease_until = now + ttl_ms;
    d->epoch = later(later(d->epoch, a->epoch) + 1, now);
    answer->kind = LEASE_GRANTED;
    answer->epoch = d->epoch;
}

/* Whether it is the owner's; if not, says for how long it is somebody else's. */
static bool lease_is_of(const struct redis_data *d, int owner, int64_t now,
                        struct lease_event *answer)
{
    bool held = d->lease_owner && now < d->lease_until;
    if (held && d->lease_owner == owner)
        return true;
    answer->kind = LEASE_HELD;
    answer->remaining_ms = held ? d->lease_until - now : 0;
    return false;
}

static void lease_release(struct redis *r, int owner, const struct lease_action *a, int64_t now,
                          struct lease_event *answer)
{
    if (!lease_is_of(&r->data, owner, now, answer))
        return;
    r->data.lease_owner = 0;
    answer->kind = LEASE_GRANTED;
    answer->epoch = a->epoch;
}

static void lease_renew(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                        int64_t now, struct lease_event *answer)
{
    struct redis_data *d = &r->data;
    if (!lease_is_of(d, owner, now, answer))
        return;
    d->lease_until = now + ttl_ms;
    if (d->epoch < a->epoch)
        d->epoch = a->epoch;
    answer->kind = LEASE_GRANTED;
    answer->epoch = a->epoch;
}

void redis_lease(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                 int64_t now, struct lease_event *answer)
{
    now += r->clock;
    *answer = (struct lease_event){.op = a->op};
    switch (a->kind) {
    case LEASE_DO_ACQUIRE:
        lease_acquire(r, owner, ttl_ms, a, now, answer);
        return;
    case LEASE_DO_RENEW:
        lease_renew(r, owner, ttl_ms, a, now, answer);
        return;
    case LEASE_DO_RELEASE:
        lease_release(r, owner, a, now, answer);
        return;
    case LEASE_DO_LEAD:
    case LEASE_DO_UNLEAD:
        UNREACHABLE("not for Redis");
    }
}

/* ---- refresh ---- */

static int live_token(const struct redis_data *d, int64_t clock)
{
    return d->token && clock < d->token_until ? d->token : 0;
}

static bool fenced(struct redis *r, int64_t epoch)
{
    if (r->data.state_epoch > epoch && !r->ignore_epoch)
        return true;
    if (r->data.state_epoch < epoch)
        r->data.state_epoch = epoch;
    return false;
}

static void do_read(struct redis *r, const struct refresh_action *a, int64_t now,
                    struct refresh_event *answer, struct redis_names *names)
{
    struct redis_data *d = &r->data;
    if (a->epoch > 0 && fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
        return;
    }
    answer->seen.version = d->version;
    answer->seen.day = d->day;
    answer->seen.issued_today = d->issued_today;
    snprintf(names->intent, sizeof names->intent, "%s", d->intent);
    answer->seen.intent = slice_of(names->intent);
    if (live_token(d, now)) {
        token_name(d->token, names->token);
        answer->seen.token = slice_of(names->token);
        answer->seen.remaining_ms = d->token_until - now;
        answer->seen.issued_at.ms = d->issued_at;
        answer->seen.expires_at.ms = d->expires_at;
        answer->seen.mode = d->mode;
    }
    if (d->previous && now < d->previous_until) {
        token_name(d->previous, names->previous);
        answer->seen.previous = slice_of(names->previous);
        answer->seen.previous_remaining_ms = d->previous_until - now;
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When a key of this record ends. */
static int64_t end_of(const struct refresh_written *w, int64_t now)
{
    return sooner(w->expires_at.ms, now + w->ttl_ms);
}

/* False when the token is over already. */
static bool write_record(struct redis *r, const struct refresh_written *w, int64_t version,
                         int64_t now)
{
    struct redis_data *d = &r->data;
    char name[TOKEN_NAME_SIZE] = "";
    if (end_of(w, now) <= now)
        return false;
    ASSERT(slice_copy(w->token, name, sizeof name));
    d->token = token_number(name);
    d->token_until = end_of(w, now);
    d->version = version;
    d->mode = w->mode;
    d->issued_at = w->issued_at.ms;
    d->expires_at = w->expires_at.ms;
    ASSERT(slice_copy(w->previous, name, sizeof name));
    d->previous = token_number(name);
    d->previous_until = sooner(w->previous_until.ms, now + w->previous_ttl_ms);
    return true;
}

/* The day's issuances: what Redis counted or what the leader knows, whichever is more. */
static int64_t counted(const struct redis_data *d, const struct refresh_action *a)
{
    return d->day >= a->day && d->issued_today > a->issued_today ? d->issued_today
                                                                 : a->issued_today;
}

static void do_assert(struct redis *r, const struct refresh_action *a, int64_t now,
                      struct refresh_event *answer)
{
    if (fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
    } else if (r->data.version > a->record.version) {
        answer->store = REFRESH_STORE_NEWER;
    } else if (!write_record(r, &a->record, a->record.version, now)) {
        answer->store = REFRESH_STORE_FAILED;
    } else {
        r->data.issued_today = counted(&r->data, a);
        r->data.day = later(r->data.day, a->day);
        if (a->intent.n && !r->ignore_intent)
            ASSERT(slice_copy(a->intent, r->data.intent, sizeof r->data.intent));
    }
}

static void do_begin(struct redis *r, const struct refresh_action *a, int64_t now,
                     struct refresh_event *answer)
{
    struct redis_data *d = &r->data;
    int64_t issued = counted(d, a), day = later(d->day, a->day);
    int64_t forced = d->forced_day == day ? d->forced_today : 0;
    if (fenced(r, a->epoch))
        answer->store = REFRESH_STORE_FENCED;
    else if (d->version > a->version)
        answer->store = REFRESH_STORE_NEWER;
    else if (issued >= a->budget)
        answer->store = REFRESH_STORE_BUDGET;
    else if (a->force && (forced >= 20 || now - d->forced_at < 30000))
        answer->store = REFRESH_STORE_FORCED;
    if (answer->store != REFRESH_STORE_OK)
        return;
    if (a->force) {
        d->forced_day = day;
        d->forced_today = forced + 1;
        d->forced_at = now;
    }
    d->day = day;
    d->issued_today = answer->issued_today = issued + 1;
    if (!r->ignore_intent)
        ASSERT(slice_copy(a->intent, d->intent, sizeof d->intent));
}

/* Only the caller's own: a script that was long under way leaves a later one alone. */
static bool intent_is_open(const struct redis_data *d, const struct refresh_action *a)
{
    return d->intent[0] && slice_is(a->intent, d->intent);
}

static void drop_intent(struct redis_data *d, const struct refresh_action *a)
{
    if (intent_is_open(d, a))
        d->intent[0] = '\0';
}

/* Ahead of both; they differ only where the planted fault lets a stale leader write. */
static int64_t next_version(const struct redis_data *d, const struct refresh_action *a)
{
    return later(d->version, a->record.version) + 1;
}

static void do_commit(struct redis *r, const struct refresh_action *a, int64_t now,
                      struct refresh_event *answer)
{
    struct redis_data *d = &r->data;
    char name[TOKEN_NAME_SIZE];
    ASSERT(slice_copy(a->record.token, name, sizeof name));
    if (fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
        return;
    }
    if (live_token(d, now) == token_number(name)) {
        if (end_of(&a->record, now) > now) {
            d->token_until = end_of(&a->record, now);
            d->expires_at = a->record.expires_at.ms;
        }
        d->version = later(d->version, a->record.version);
    } else if (d->version > a->record.version && !r->ignore_epoch) {
        answer->store = REFRESH_STORE_NEWER;
        return;
    } else if (!write_record(r, &a->record, next_version(d, a), now)) {
        answer->store = REFRESH_STORE_FAILED;
        return;
    }
    if (a->refund && d->issued_today > 0 && intent_is_open(d, a))
        d->issued_today--;
    drop_intent(d, a);
    answer->version = d->version;
}

static void do_settle(struct redis *r, const struct refresh_action *a, struct refresh_event *answer)
{
    if (fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
        return;
    }
    if (a->drop_intent)
        drop_intent(&r->data, a);
    if (a->refund && r->data.issued_today > 0)
        r->data.issued_today--;
}

/* ---- reports ---- */

void redis_add_report(struct redis *r, enum refresh_event_kind kind, int64_t version, int64_t now)
{
    struct redis_data *d = &r->data;
    if (d->n_reports == REDIS_MAX_REPORTS) {
        redis_drop_reports(r, d->reports[0].id);
        r->pushed_out++;
    }
    d->last_report = later(d->last_report + 1, (now + r->clock) * 1000);
    d->reports[d->n_reports++] = (struct redis_report){d->last_report, version, kind};
}

void redis_drop_reports(struct redis *r, int64_t last)
{
    struct redis_data *d = &r->data;
    int gone = 0;
    while (gone < d->n_reports && d->reports[gone].id <= last)
        gone++;
    d->n_reports -= gone;
    memmove(d->reports, d->reports + gone, (size_t)d->n_reports * sizeof d->reports[0]);
}

/* ---- scripts ---- */

static void run_script(struct redis *r, const struct refresh_action *a, int64_t now,
                       struct refresh_event *answer, struct redis_names *names)
{
    switch (a->kind) {
    case REFRESH_DO_READ:
        answer->kind = REFRESH_READ;
        do_read(r, a, now, answer, names);
        return;
    case REFRESH_DO_ASSERT:
        answer->kind = REFRESH_ASSERTED;
        do_assert(r, a, now, answer);
        return;
    case REFRESH_DO_BEGIN:
        answer->kind = REFRESH_BEGAN;
        do_begin(r, a, now, answer);
        return;
    case REFRESH_DO_COMMIT:
        answer->kind = REFRESH_COMMITTED;
        do_commit(r, a, now, answer);
        return;
    case REFRESH_DO_SETTLE:
        answer->kind = REFRESH_SETTLED;
        do_settle(r, a, answer);
        return;
    case REFRESH_DO_TELL:
        answer->kind = REFRESH_TOLD;
        redis_add_report(r, a->tell, a->version, now - r->clock);
        return;
    case REFRESH_DO_FETCH:
    case REFRESH_DO_PROBE:
    case REFRESH_DO_NOTE:
        UNREACHABLE("not for Redis");
    }
}

void redis_refresh(struct redis *r, const struct refresh_action *a, int64_t now,
                   struct refresh_event *answer, struct redis_names *names)
{
    now += r->clock;
    *answer = (struct refresh_event){.op = a->op, .store = REFRESH_STORE_OK};
    run_script(r, a, now, answer, names);
    if (answer->store == REFRESH_STORE_OK || answer->store == REFRESH_STORE_FAILED) /* or late */
        answer->redis_now.ms = now;
}

int redis_token(const struct redis *r, int64_t now)
{
    return live_token(&r->data, now + r->clock);
}

int redis_previous(const struct redis *r, int64_t now)
{
    return r->data.previous && now + r->clock < r->data.previous_until ? r->data.previous : 0;
}
