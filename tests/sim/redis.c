#include "sim/redis.h"

#include <stdio.h>

#include "base/check.h"

#define REDIS_CLOCK 1650000000000 /* Redis's clock is neither ours nor that of any node */

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
    d->epoch = later(later(d->epoch, a->epoch) + 1, now + REDIS_CLOCK);
    answer->kind = LEASE_GRANTED;
    answer->epoch = d->epoch;
}

static void lease_renew(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                        int64_t now, struct lease_event *answer)
{
    struct redis_data *d = &r->data;
    if (d->lease_owner != owner || now >= d->lease_until) {
        answer->kind = LEASE_HELD;
        answer->remaining_ms = d->lease_owner && now < d->lease_until ? d->lease_until - now : 0;
        return;
    }
    d->lease_until = now + ttl_ms;
    if (d->epoch < a->epoch)
        d->epoch = a->epoch;
    answer->kind = LEASE_GRANTED;
    answer->epoch = a->epoch;
}

void redis_lease(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                 int64_t now, struct lease_event *answer)
{
    *answer = (struct lease_event){.op = a->op};
    switch (a->kind) {
    case LEASE_DO_ACQUIRE:
        lease_acquire(r, owner, ttl_ms, a, now, answer);
        return;
    case LEASE_DO_RENEW:
        lease_renew(r, owner, ttl_ms, a, now, answer);
        return;
    case LEASE_DO_RELEASE:
        if (r->data.lease_owner == owner)
            r->data.lease_owner = 0;
        answer->kind = LEASE_GRANTED;
        return;
    case LEASE_DO_LEAD:
    case LEASE_DO_UNLEAD:
        ASSERT(!"not for Redis");
    }
}

/* ---- refresh ---- */

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
    if (redis_token(r, now)) {
        token_name(d->token, names->token);
        answer->seen.token = slice_of(names->token);
        answer->seen.remaining_ms = d->token_until - now;
        answer->seen.issued_at.ms = d->issued_at;
        answer->seen.expires_at.ms = d->expires_at;
        answer->seen.mode = d->mode;
    }
    if (redis_previous(r, now)) {
        token_name(d->previous, names->previous);
        answer->seen.previous = slice_of(names->previous);
        answer->seen.previous_remaining_ms = d->previous_until - now;
    }
}

static void write_record(struct redis *r, const struct refresh_written *w, int64_t version)
{
    struct redis_data *d = &r->data;
    char name[TOKEN_NAME_SIZE] = "";
    ASSERT(slice_copy(w->token, name, sizeof name));
    d->token = token_number(name);
    d->token_until = w->dies_at.ms - REDIS_CLOCK;
    d->version = d->record_version = version;
    d->mode = w->mode;
    d->issued_at = w->issued_at.ms;
    d->expires_at = w->expires_at.ms;
    ASSERT(slice_copy(w->previous, name, sizeof name));
    d->previous = token_number(name);
    d->previous_until = w->previous_dies_at.ms - REDIS_CLOCK;
}

/* The day's issuances: what Redis counted or what the leader knows, whichever is more. */
static int64_t counted(const struct redis_data *d, const struct refresh_action *a)
{
    return d->day >= a->day && d->issued_today > a->issued_today ? d->issued_today
                                                                 : a->issued_today;
}

static void do_assert(struct redis *r, const struct refresh_action *a, struct refresh_event *answer)
{
    if (fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
    } else if (r->data.version > a->record.version) {
        answer->store = REFRESH_STORE_NEWER;
    } else {
        write_record(r, &a->record, a->record.version);
        r->data.issued_today = counted(&r->data, a);
        r->data.day = later(r->data.day, a->day);
        if (a->intent.n && !r->ignore_intent)
            ASSERT(slice_copy(a->intent, r->data.intent, sizeof r->data.intent));
    }
}

static void do_begin(struct redis *r, const struct refresh_action *a, int64_t wall,
                     struct refresh_event *answer)
{
    struct redis_data *d = &r->data;
    int64_t issued =
        d->day == a->day && d->issued_today > a->issued_today ? d->issued_today : a->issued_today;
    if (fenced(r, a->epoch))
        answer->store = REFRESH_STORE_FENCED;
    else if (d->version > a->version)
        answer->store = REFRESH_STORE_NEWER;
    else if (issued >= a->budget)
        answer->store = REFRESH_STORE_BUDGET;
    else if (a->force && wall - d->forced_at < 30000)
        answer->store = REFRESH_STORE_FORCED;
    if (answer->store != REFRESH_STORE_OK)
        return;
    if (a->force)
        d->forced_at = wall;
    d->day = later(d->day, a->day);
    d->issued_today = answer->issued_today = issued + 1;
    if (!r->ignore_intent)
        ASSERT(slice_copy(a->intent, d->intent, sizeof d->intent));
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
    if (redis_token(r, now) == token_number(name)) {
        d->token_until = a->record.dies_at.ms - REDIS_CLOCK;
        d->expires_at = a->record.expires_at.ms;
    } else if (d->version > a->record.version) {
        answer->store = REFRESH_STORE_NEWER;
        return;
    } else {
        write_record(r, &a->record, a->record.version + 1);
        r->commits++;
    }
    d->intent[0] = '\0';
    answer->version = d->version;
}

static void do_settle(struct redis *r, const struct refresh_action *a, struct refresh_event *answer)
{
    if (fenced(r, a->epoch)) {
        answer->store = REFRESH_STORE_FENCED;
        return;
    }
    if (a->drop_intent)
        r->data.intent[0] = '\0';
    if (a->refund && r->data.issued_today > 0)
        r->data.issued_today--;
}

void redis_refresh(struct redis *r, const struct refresh_action *a, int64_t now, int64_t wall,
                   struct refresh_event *answer, struct redis_names *names)
{
    *answer = (struct refresh_event){
        .op = a->op, .store = REFRESH_STORE_OK, .redis_now = {now + REDIS_CLOCK}};
    switch (a->kind) {
    case REFRESH_DO_READ:
        answer->kind = REFRESH_READ;
        do_read(r, a, now, answer, names);
        return;
    case REFRESH_DO_ASSERT:
        answer->kind = REFRESH_ASSERTED;
        do_assert(r, a, answer);
        return;
    case REFRESH_DO_BEGIN:
        answer->kind = REFRESH_BEGAN;
        do_begin(r, a, wall, answer);
        return;
    case REFRESH_DO_COMMIT:
        answer->kind = REFRESH_COMMITTED;
        do_commit(r, a, now, answer);
        return;
    case REFRESH_DO_SETTLE:
        answer->kind = REFRESH_SETTLED;
        do_settle(r, a, answer);
        return;
    case REFRESH_DO_FETCH:
    case REFRESH_DO_PROBE:
    case REFRESH_DO_REPORT_DISPLACED:
    case REFRESH_DO_NOTE:
        ASSERT(!"not for Redis");
    }
}

int redis_token(const struct redis *r, int64_t now)
{
    return r->data.token && now < r->data.token_until ? r->data.token : 0;
}

int redis_previous(const struct redis *r, int64_t now)
{
    return r->data.previous && now < r->data.previous_until ? r->data.previous : 0;
}
