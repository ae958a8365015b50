/* message.h - one operation of a node on its way to a server, and then its answer on the way back.
 */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include "sim/redis.h"

enum message_kind {
    MESSAGE_LEASE,   /* of the lease core */
    MESSAGE_REFRESH, /* of the refresh core */
    MESSAGE_REPORTS, /* reading the reports stream */
    MESSAGE_DROP,    /* removing what is settled from it */
};

struct message {
    enum message_kind kind;
    int owner, incarnation; /* the sender's */
    int redis_life;         /* of the Redis it was sent to */
    int64_t sent_at;
    bool failed; /* no answer came in time */
    int64_t id;  /* REPORTS: of this reading. DROP: up to this report */

    struct lease_action lease_action;
    struct lease_event lease_answer;

    struct refresh_action action;
    int64_t begun_at; /* FETCH: when its intent was sent */
    int64_t held_ms;  /* FETCH: so much longer on its way */
    struct refresh_event answer;
    int64_t fenced_by;
    struct redis_names names; /* what the answer's slices point at */
    char token[TOKEN_NAME_SIZE], previous[TOKEN_NAME_SIZE], intent[REFRESH_INTENT_SIZE];

    int64_t after;                /* REPORTS: those after this one */
    struct redis_report *reports; /* REPORTS: the answer; owned */
    int n_reports;
};

struct message *message_new(enum message_kind kind) MUST_CHECK;
struct message *message_of(const struct refresh_action *a) MUST_CHECK; /* with texts of its own */
void message_free(struct message *m);                                  /* NULL is allowed */

/* Turns it into the answer that its driver gives when none came. */
void message_fail(struct message *m);

/* That answer to a message, which itself goes on. */
struct message *message_timeout(const struct message *m) MUST_CHECK;

#endif
