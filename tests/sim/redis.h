/* redis.h - Redis as the simulator models it: the keys of one app, the lease, and the scripts of
 * shared/token with their semantics, on Redis's own clock. `now` is always the world's. */
#ifndef SIM_REDIS_H
#define SIM_REDIS_H

#include "sim/wechat.h"
#include "tokend/refresh/core.h"
#include "tokend/refresh/lease.h"

enum { REDIS_MAX_REPORTS = 32 };

struct redis_data {
    int lease_owner; /* 0: none */
    int64_t lease_until;
    int64_t epoch;

    int64_t version, state_epoch, day, issued_today;
    int64_t forced_day, forced_today, forced_at;
    int token, previous; /* numbers; 0: none */
    int64_t token_until, previous_until;
    int64_t issued_at, expires_at;
    enum token_mode mode;
    char intent[REFRESH_INTENT_SIZE];

    struct redis_report {
        int64_t id, version;
        enum refresh_event_kind kind; /* REPORT, ORDER or DISPLACED */
    } reports[REDIS_MAX_REPORTS];     /* the stream, in order */
    int n_reports;
    int64_t last_report;
};

struct redis {
    struct redis_data data;
    int64_t clock;      /* Redis's clock minus the world's; data holds Redis's times */
    int pushed_out;     /* reports that went because there were too many */
    bool ignore_epoch;  /* planted fault: a lease alone, nothing refuses a stale leader */
    bool ignore_intent; /* planted fault: the intent is never stored */
};

void redis_lease(struct redis *r, int owner, int64_t ttl_ms, const struct lease_action *a,
                 int64_t now, struct lease_event *answer);

/* Carries out one action of the refresh core. `names` keeps the strings the answer points at. */
struct redis_names {
    char token[TOKEN_NAME_SIZE], previous[TOKEN_NAME_SIZE], intent[REFRESH_INTENT_SIZE];
};
void redis_refresh(struct redis *r, const struct refresh_action *a, int64_t now,
                   struct refresh_event *answer, struct redis_names *names);

/* XADD to the reports stream, capped: the oldest go. */
void redis_add_report(struct redis *r, enum refresh_event_kind kind, int64_t version, int64_t now);
void redis_drop_reports(struct redis *r, int64_t last); /* up to this id */

int redis_token(const struct redis *r, int64_t now);    /* as a consumer reads it; 0: none */
int redis_previous(const struct redis *r, int64_t now); /* the same */

#endif
