/* judge.h - the invariants of docs/protocol.md, looked at after every event of a world.
 *
 * The judge knows what no tokend can: each issuance with its cause (ledger.h), and each fault with
 * its end. So it does not excuse what happens near a fault, but asks of each dead read what killed
 * the token, and of each issuance what it was made for; a fault only delays by when all must be
 * well again. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "sim/climate.h"
#include "sim/node.h"

struct judge {
    bool failed;
    char why[256];

    /* Being well again. */
    int64_t upset_until; /* the end of the last fault so far */
    int64_t recovery_ms; /* from then on all is well again within this ... */
    int64_t find_ms;     /* ... and a token that died unnoticed is found and replaced within this */
    int64_t dead_since;  /* -1: Redis holds a living token or none */
    int64_t missing_since; /* -1: Redis holds one */
    bool unwell;           /* Redis holds no living token */
    double slowest;        /* recovery so far, of recovery_ms */

    /* What is past. */
    bool frozen, lost, clock_set; /* ever: a node was; Redis lost data; its clock was set */
    int64_t lost_at, clock_set_at, clock_back_ms; /* in all */
    int64_t slow_until; /* what Redis counted down when its clock was set back has come to an end */
    int clock_exempt;   /* tokens up to this one may outlive their end in Redis for it */
    bool interrupted;   /* Redis failed in the middle of an attempt: that may cost a refresh */
    int64_t max_version, max_epoch;
    int max_token;
    int issued; /* for our nodes */

    /* What a consumer has seen. */
    int64_t seen_version;
    bool may_go_back; /* data was lost, and no leader has written since */

    /* What each node, as it is now, knew of the version. */
    struct known {
        int incarnation;
        int64_t version;
    } known[MAX_NODES];
};

void judge_init(struct world *w);
void judge_fail(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3); /* the first counts */

/* Something is wrong until then, or was at that moment. */
void judge_upset(struct world *w, int64_t until);
void judge_frozen(struct world *w, int64_t until); /* a node is */
void judge_away(struct world *w, int64_t until);   /* Redis is away until then */
void judge_lost(struct world *w);                  /* it is about to lose data */
void judge_clock_set(struct world *w, int64_t ms); /* and now shows so much more or less */

void judge_state(struct world *w);                      /* after every event */
void judge_step(struct world *w, const struct node *n); /* after a step of its core */
void judge_seen(struct world *w, int64_t version);      /* by a consumer */
void judge_granted(struct world *w, const struct node *n, int64_t epoch); /* the lease */

/* After a script: what Redis held before it. */
void judge_script(struct world *w, const struct message *m, int64_t version_before,
                  int token_before);

void judge_call(struct world *w, const struct node *n); /* it is about to call WeChat */
void judge_issued(struct world *w, const struct node *n, const struct message *m, int token);
/* WeChat's answer arrives then, or too late (NET_NEVER). */
void judge_answer(struct world *w, const struct message *m, int64_t at);

int64_t judge_limit(const struct world *w); /* by when all is well again, should nothing happen */
bool judge_budget_spent(const struct world *w); /* no refresh is to be expected */
void judge_end(struct world *w);

#endif
