/* machine.h - the inside of the refresh machine, for its own files only: core.c takes events and
 * plans, look.c reads Redis and writes a lost record back, attempt.c is one refresh from begin to
 * commit, tell.c is what one leader owes the next, probe.c is reports and probes.
 *
 * Each handler of an answer is called with the machine at rest and leaves it with the next
 * operation started, resting with a deadline, or planned (machine_plan). */
#ifndef REFRESH_MACHINE_H
#define REFRESH_MACHINE_H

#include "base/prng.h"
#include "tokend/refresh/core.h"

enum { MACHINE_OWNER_SIZE = 48 };

/* A token that WeChat gave us and Redis does not have yet. */
struct pending {
    struct secret token; /* unset when there is none */
    mono_ms_t expires;
    int64_t lifetime_ms;
    wall_ms_t issued_at, expires_at; /* on Redis's clock, as of the last commit */
    bool previous_dies; /* what Redis holds may be two issuances old: it is no "previous" */
};

struct refresh {
    struct refresh_config config;
    struct prng prng;
    char owner[MACHINE_OWNER_SIZE];

    enum refresh_state state;
    bool leading;
    int64_t epoch;         /* ours as the leader */
    int64_t adopted_epoch; /* the epoch with which the record was last read for writing */

    struct record record;
    struct pending pending;

    /* The operation under way, or the last one. */
    uint64_t op;
    enum refresh_event_kind awaited; /* its answer */
    int64_t op_epoch;
    mono_ms_t asked_at;

    /* The attempt under way, or the last one. */
    int64_t attempt_epoch;
    enum token_mode attempt_mode;
    char intent[REFRESH_INTENT_SIZE];
    bool intent_spent; /* WeChat may have been called under this intent */
    bool force;        /* stable mode: the normal call gave a token that was proven dead */

    /* What makes a refresh or a probe wanted. */
    bool unresolved; /* there may have been an issuance that nobody holds */
    bool
        displaced; /* the same, told since the fetch under way was asked for; Redis has no intent */
    bool ordered;
    mono_ms_t lost_at;      /* Redis has shown a lower version than ours since; MONO_NEVER: no */
    int64_t lost_version;   /* ours, of which the leader was told then; 0: none */
    int64_t dead_version;   /* proven dead by a probe; 0: none */
    int64_t force_refused;  /* dead, and must not be forced now, as was told; 0: none */
    int64_t report_version; /* reported and not yet probed, of the current token or of the one that
                               is being committed; 0: none */
    bool reported_again;    /* since the probe under way was asked for */

    int64_t day, issued_today;
    int64_t failures;      /* of attempts in a row */
    int64_t read_failures; /* of Redis in a row */
    enum err_class last_err;
    int64_t last_errcode;

    mono_ms_t refresh_at, retry_at, probe_at, read_at;
    mono_ms_t tell_at;               /* not before, where something is to be told */
    enum refresh_event_kind telling; /* what is told now */
    mono_ms_t last_probe;
    mono_ms_t deadline;     /* MONO_NEVER while an operation is outstanding */
    wall_ms_t redis_now;    /* what Redis's clock showed at least ... */
    mono_ms_t redis_now_at; /* ... at this moment of ours */
};

/* ---- core.c ---- */

bool machine_is_operation(enum refresh_state s);

/* Enters a state that waits for the answer of the one operation it asks for, and adds that action
 * (with op, our epoch and version filled in) for the caller to complete. */
struct refresh_action *machine_start(struct refresh *r, const struct refresh_env *env,
                                     enum refresh_state state, enum refresh_action_kind kind,
                                     struct refresh_actions *out);

/* Enters a state with nothing outstanding that lasts until `until` at most. */
void machine_rest(struct refresh *r, enum refresh_state state, mono_ms_t until);

/* About the version that we know, unless the caller says another. */
struct refresh_action *machine_note(const struct refresh *r, enum refresh_note n, int64_t errcode,
                                    struct refresh_actions *out);

/* A call of ours may have issued a token that nobody will use, and Redis does not know of it: the
 * leader must, be it another one or we again. */
void machine_owe_telling(struct refresh *r, mono_ms_t now);

/* Redis refused what carried `epoch`: if that is still ours, we lead no more until a new one comes.
 */
void machine_fenced(struct refresh *r, int64_t epoch, mono_ms_t now);

enum refresh_reason machine_reason(const struct refresh *r, mono_ms_t now);
void machine_schedule_refresh(struct refresh *r, mono_ms_t now);
void machine_schedule_read(struct refresh *r, mono_ms_t now);

/* Redis did not answer: look again soon, ever more slowly, but at least about every second. */
void machine_schedule_read_again(struct refresh *r, mono_ms_t now);

/* A moment of ours on Redis's clock: never later than it really is, for the reading was taken
 * before its answer came. */
wall_ms_t machine_on_redis(const struct refresh *r, mono_ms_t t);

/* Begins a new day of the budget if `day` is later than the one counted: days never go back, so a
 * clock that jumps wins no issuances. */
void machine_turn_day(struct refresh *r, int64_t day);

/* Decides what to do when nothing is outstanding. */
void machine_plan(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out);

/* ---- look.c ---- */

void look_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out);
void look_read(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out);
void look_asserted(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                   struct refresh_actions *out);

/* ---- attempt.c ---- */

/* Whether a new token is being committed as this version: Redis may have it already. */
bool attempt_commits(const struct refresh *r, int64_t version);
bool attempt_allowed(const struct refresh *r, const struct refresh_env *env);
void attempt_begin(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out);
void attempt_began(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                   struct refresh_actions *out);
void attempt_fetched(struct refresh *r, const struct refresh_env *env,
                     const struct refresh_event *ev, struct refresh_actions *out);
void attempt_committed(struct refresh *r, const struct refresh_env *env,
                       const struct refresh_event *ev, struct refresh_actions *out);
void attempt_recommit(struct refresh *r, const struct refresh_env *env,
                      struct refresh_actions *out);
void attempt_settled(struct refresh *r, const struct refresh_env *env,
                     const struct refresh_event *ev, struct refresh_actions *out);

/* ---- tell.c ---- */

bool tell_owes(const struct refresh *r); /* whoever leads is to be told something */
void tell_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out);
void tell_told(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out);

/* ---- probe.c ---- */

/* Whether a report was not answered yet, or was found true. */
bool probe_is_owed(const struct refresh *r);

/* The next periodic one; a report about the current token is weighed before. */
void probe_schedule(struct refresh *r, mono_ms_t now);
void probe_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out);
void probe_report(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out);
void probe_probed(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out);

#endif
