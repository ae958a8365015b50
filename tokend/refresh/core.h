/* core.h - the refresh of one app's access_token, as a pure state machine.
 *
 * It knows no clock, no socket, no Redis and no WeChat: the driver gives it events with the time as
 * an argument and carries out the actions it asks for; the simulator drives the very same code.
 *
 *     refresh_step(r, env, event, actions)   what happened -> what to do
 *     refresh_deadline(r)                    when to send REFRESH_TICK if nothing happens before
 *
 * The protocol: only the leader acts; each change of Redis is one script that checks the leader's
 * epoch. A refresh is begin (the intent is stored) -> fetch (WeChat is called) -> commit (the token
 * is written, the intent removed). Whoever leads and finds an intent knows that WeChat may have
 * issued a token nobody holds, and refreshes at once. docs/protocol.md draws it.
 *
 * Every operation the core asks for is answered by exactly one event with the same `op`; others are
 * dropped. It may be begun late: slices in actions are borrowed until the answer is stepped. One
 * thread. */
#ifndef REFRESH_CORE_H
#define REFRESH_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/times.h"
#include "tokend/refresh/record.h"

enum { REFRESH_INTENT_SIZE = 128 };

struct refresh_config {
    enum token_mode mode;
    int64_t lead_ms;    /* refresh this long before the end; at most half of the lifetime is used */
    int64_t overlap_ms; /* how long WeChat keeps the previous token alive */
    int64_t retry_min_ms, retry_max_ms;
    int64_t probe_interval_ms;   /* 0: no periodic probe */
    int64_t observe_interval_ms; /* how often Redis is looked at without a reason */
    int64_t call_timeout_ms;     /* of one WeChat call */
    int64_t lease_needed_ms;     /* no call is begun with less than this left of the lease */
    int64_t daily_budget;        /* issuances per day of WeChat's quota */
};

enum refresh_state {
    REFRESH_FOLLOWING,  /* another instance leads: only look at Redis now and then */
    REFRESH_READING,    /* reading the record from Redis; as the leader, writing our epoch too */
    REFRESH_ASSERTING,  /* Redis lost our record: writing it back with its version */
    REFRESH_HOLDING,    /* the token is good: waiting for the time to refresh, probe or look */
    REFRESH_WAITING,    /* a refresh is wanted but must wait (back-off, parked, budget, lease) */
    REFRESH_PROBING,    /* asking WeChat by a cheap call whether the current token lives */
    REFRESH_BEGINNING,  /* storing the intent */
    REFRESH_FETCHING,   /* WeChat is called; from here on it may have issued */
    REFRESH_COMMITTING, /* writing the fetched token and removing the intent */
    REFRESH_RECOMMIT,   /* the commit got no answer: waiting to repeat it */
    REFRESH_SETTLING,   /* no token came: noting the failure, removing the intent if that is safe */
    REFRESH_TELLING,    /* fenced out after a call: telling whoever leads that it may have issued */
};

/* Why a refresh is wanted; the first that applies. */
enum refresh_reason {
    REFRESH_REASON_NONE,
    REFRESH_REASON_NO_TOKEN,   /* none known, or it ran out */
    REFRESH_REASON_UNRESOLVED, /* an issuance may have happened whose answer nobody holds */
    REFRESH_REASON_DEAD,       /* a probe proved the current token dead before its time */
    REFRESH_REASON_ORDERED,    /* an operator wants a new one */
    REFRESH_REASON_DUE,        /* its time has come */
};

/* How an operation on Redis ended. The scripts may be repeated: each is idempotent. */
enum refresh_store {
    REFRESH_STORE_OK,
    REFRESH_STORE_FENCED, /* a higher epoch has been there: we no longer lead this app */
    REFRESH_STORE_NEWER,  /* Redis holds a higher version than we know: read again */
    REFRESH_STORE_BUDGET, /* begin only: the day's issuances are used up */
    REFRESH_STORE_FORCED, /* begin only: force_refresh is not allowed now (20 a day, 30 s apart) */
    REFRESH_STORE_FAILED, /* no answer, or Redis refused to write: it may have happened or not */
};

enum refresh_fetch {
    REFRESH_FETCH_TOKEN,    /* a token came */
    REFRESH_FETCH_REFUSED,  /* WeChat answered an errcode: certainly nothing was issued */
    REFRESH_FETCH_NOT_SENT, /* the request certainly never reached WeChat */
    REFRESH_FETCH_UNKNOWN,  /* anything else: it may have issued */
};

enum refresh_probe {
    REFRESH_PROBE_LIVE,
    REFRESH_PROBE_DEAD,    /* 40001, 40014: superseded or withdrawn */
    REFRESH_PROBE_EXPIRED, /* 42001 */
    REFRESH_PROBE_UNKNOWN, /* no usable answer */
};

/* What a look at Redis showed. Slices are borrowed for the step. */
struct refresh_seen {
    int64_t version;    /* the highest ever written; 0 when none */
    struct slice token; /* empty when there is none (any more) */
    int64_t remaining_ms;
    wall_ms_t issued_at, expires_at; /* on Redis's clock */
    enum token_mode mode;
    struct slice previous;
    int64_t previous_remaining_ms;
    struct slice intent;       /* empty when no refresh was left open */
    int64_t day, issued_today; /* of WeChat's quota, on Redis's clock */
    enum err_class last_err;   /* of the last attempt of any leader */
    int64_t last_errcode;
};

enum refresh_event_kind {
    REFRESH_TICK,   /* the deadline came, or the lease was renewed */
    REFRESH_LEAD,   /* we lead, with `epoch` */
    REFRESH_UNLEAD, /* we no longer lead */
    REFRESH_LOOK,   /* something may have changed: Redis is back, a publish came, a clock jumped */
    REFRESH_RECONFIGURE, /* `config`; also clears a wait: the operator may have mended it */
    REFRESH_ORDER,       /* an operator wants a token newer than `version`; 0: a new one anyhow */
    REFRESH_REPORT,      /* a consumer was refused with the token of `version` */
    REFRESH_DISPLACED,   /* a fenced-out leader says that it fetched a token that nobody will use */
    REFRESH_READ,        /* answers of operations: */
    REFRESH_ASSERTED,
    REFRESH_BEGAN,
    REFRESH_FETCHED,
    REFRESH_COMMITTED,
    REFRESH_SETTLED,
    REFRESH_PROBED,
    REFRESH_TOLD,
};

struct refresh_event {
    enum refresh_event_kind kind;
    uint64_t op;                         /* of an answer: the action's */
    int64_t epoch;                       /* LEAD */
    int64_t version;                     /* REPORT, ORDER; COMMITTED: as written */
    int64_t issued_today;                /* BEGAN: counted with this one */
    wall_ms_t redis_now;                 /* READ, BEGAN, ASSERTED, COMMITTED, SETTLED: Redis's clock
                                            when the script ran; 0: not told */
    enum refresh_store store;            /* READ, ASSERTED, BEGAN, COMMITTED, SETTLED, TOLD */
    struct refresh_seen seen;            /* READ */
    enum refresh_fetch fetch;            /* FETCHED */
    struct slice token;                  /* FETCHED with a token; borrowed for the step */
    int64_t expires_in_ms;               /* FETCHED with a token */
    enum err_class err;                  /* FETCHED refused: what to do about it */
    int64_t errcode;                     /* FETCHED refused; REPORT; PROBED dead */
    enum refresh_probe probe;            /* PROBED */
    const struct refresh_config *config; /* RECONFIGURE; copied */
};

enum refresh_action_kind {
    REFRESH_DO_READ,   /* read the record; with epoch > 0 write it to the app too (fencing) */
    REFRESH_DO_ASSERT, /* write `record` back */
    REFRESH_DO_BEGIN,
    REFRESH_DO_FETCH,
    REFRESH_DO_COMMIT,
    REFRESH_DO_SETTLE,
    REFRESH_DO_PROBE,
    REFRESH_DO_TELL, /* add a report for whoever leads now: `tell` */
    REFRESH_DO_NOTE, /* no answer expected: `note` for events, metrics and the log */
};

/* Things worth telling people, beside the refresh itself (which the commit script tells). */
enum refresh_note {
    REFRESH_NOTE_REPORTED,  /* a report about the current token came; it will be probed */
    REFRESH_NOTE_FLAPPED,   /* reported, but the probe found it alive */
    REFRESH_NOTE_DISPLACED, /* the probe found it dead: another environment fetched one; or a
                               fenced-out leader told that it did */
    REFRESH_NOTE_EXPIRED,   /* the probe found it run out before its time */
    REFRESH_NOTE_RESTORED,  /* Redis had lost the record; it was written back */
    REFRESH_NOTE_BUDGET,    /* the day's budget is used up: no refresh until it is renewed */
    REFRESH_NOTE_ORDERED,   /* an operator's order was taken */
    REFRESH_NOTE_NO_FORCE,  /* the token is dead, and force_refresh is not allowed now */
};

/* The record as the Redis scripts want it. A key lives until its moment on Redis's clock, but no
 * longer than its ttl from when the script runs: it does not outlive its token however long the
 * script is under way, nor when Redis's clock is set back meanwhile. */
struct refresh_written {
    int64_t version; /* COMMIT: the highest we know; the script writes the next. ASSERT: as it is */
    struct slice token;
    enum token_mode mode;
    wall_ms_t issued_at, expires_at; /* on Redis's clock */
    int64_t ttl_ms;
    struct slice previous;    /* empty: none */
    wall_ms_t previous_until; /* on Redis's clock */
    int64_t previous_ttl_ms;
};

struct refresh_action {
    enum refresh_action_kind kind;
    uint64_t op;
    int64_t epoch;
    struct refresh_written record; /* ASSERT, COMMIT */
    struct slice intent; /* BEGIN; COMMIT, SETTLE: the one that goes; ASSERT: if one is open */
    int64_t version;     /* BEGIN, SETTLE, TELL, NOTE: that we know, or that was reported */
    int64_t day, issued_today,
        budget;             /* BEGIN, ASSERT: issued_today is the least that counts for `day` */
    bool force;             /* BEGIN, FETCH: stable mode's force_refresh */
    enum token_mode mode;   /* FETCH */
    int64_t timeout_ms;     /* FETCH, PROBE */
    struct slice token;     /* PROBE */
    bool drop_intent;       /* SETTLE: certainly nothing issued since the intent was stored */
    bool refund;            /* SETTLE: this attempt did not issue: take it off the budget */
    enum err_class err;     /* SETTLE: ERR_NONE when WeChat gave the same token back */
    int64_t errcode;        /* SETTLE, NOTE */
    enum refresh_note note; /* NOTE */
    enum refresh_event_kind tell; /* TELL: DISPLACED, ORDER or REPORT, of `version` */
};

/* The event that answers an action; not for NOTE. */
enum refresh_event_kind refresh_answer(enum refresh_action_kind kind);

enum { REFRESH_MAX_ACTIONS = 6 };

struct refresh_actions {
    struct refresh_action list[REFRESH_MAX_ACTIONS];
    size_t n;
};

struct refresh_env {
    mono_ms_t now;
    mono_ms_t lease_until; /* of the lease we hold; MONO_PAST when we hold none */
};

struct refresh; /* opaque */

/* `seed` drives the jitter; `owner` names this process in intents (copied, cut to 47 bytes). Starts
 * as a follower that looks at Redis at once. */
struct refresh *refresh_new(const struct refresh_config *config, uint64_t seed, const char *owner,
                            mono_ms_t now) MUST_CHECK;
void refresh_free(struct refresh *r); /* NULL is allowed */

/* Adds to *out what is to be done now, in order. */
void refresh_step(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out);

/* Changes observe_interval_ms alone, from the next look on. */
void refresh_observe_every(struct refresh *r, int64_t ms);

/* MONO_NEVER only while an operation is outstanding. */
mono_ms_t refresh_deadline(const struct refresh *r);

/* ---- to look at, for HTTP, metrics and the simulator ---- */

/* The token to hand out now: the committed one while it may be used, else one that was fetched and
 * could not be written yet. False when there is none. *version may be one ahead of Redis then. */
bool refresh_current(const struct refresh *r, mono_ms_t now, struct slice *token, int64_t *version,
                     int64_t *remaining_ms);

struct refresh_status {
    enum refresh_state state;
    enum refresh_reason reason; /* why a refresh is wanted or under way */
    enum err_class last_err;    /* of the last attempt, ours or as Redis tells; ERR_NONE after a
                                   success */
    int64_t last_errcode;
    int64_t failures;       /* in a row */
    mono_ms_t next_refresh; /* when the next attempt is planned */
    int64_t issued_today;
    bool leading;
    bool adopted; /* leading, and the record was read under our epoch */
};

struct refresh_status refresh_status(const struct refresh *r, const struct refresh_env *env);
const struct record *refresh_record(const struct refresh *r); /* borrowed until the next step */
bool refresh_outstanding(const struct refresh *r);            /* an operation is under way */

/* As the leader that has adopted the record: all that REPORT, ORDER and DISPLACED told is answered,
 * or stands as an intent in Redis. Until then whoever would lead next must be told it too. */
bool refresh_settled(const struct refresh *r);

/* As the leader: a report about this version is being weighed, or was found true. */
bool refresh_weighing(const struct refresh *r, int64_t version);

/* The same, and another report adds nothing: the probe that weighs it is still to come. One that is
 * under way may have been judged before the token died. */
bool refresh_knows(const struct refresh *r, int64_t version);

/* Between the first thought of an intent and its end, or until whoever leads is told of a call that
 * was displaced: a graceful stop waits for this to be over before it gives the lease back. */
bool refresh_attempting(const struct refresh *r);

const char *refresh_state_name(enum refresh_state s);
const char *refresh_reason_name(enum refresh_reason r);
const char *refresh_note_name(enum refresh_note n);

#endif
