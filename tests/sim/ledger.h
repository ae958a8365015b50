/* ledger.h - for each token that WeChat issued, how that came about: what the judge needs to say
 * why a token is dead. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>

#include "sim/wechat.h"

enum cause {
    CAUSE_OURS,    /* a call in time, its intent stored: Redis tells of it until it is committed */
    CAUSE_FOREIGN, /* another environment's */
    CAUSE_LATE,    /* a call that WeChat carried out when its sender had given it up */
    CAUSE_ORPHAN,  /* a call whose intent Redis lost, or whose lease it gave away, meanwhile */
};

struct ledger {
    enum cause causes[WECHAT_MAX_TOKENS]; /* by number */
    int lost_up_to;                       /* Redis has lost data since these tokens were issued */
};

void ledger_issued(struct ledger *l, int token, enum cause cause);
void ledger_lost(struct ledger *l, int issued);

/* Whether an issuance later than the token's own, of the same family, is one that no tokend can
 * know of from Redis: then nobody is to blame that it is dead. */
bool ledger_explains(const struct ledger *l, const struct wechat *w, int token);

#endif
