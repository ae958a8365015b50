/* verdict.h - what became of a claim on one-time codes. A word shared by who claims (login/core.h)
 * and who judges (claims.h). */
#ifndef LIMITS_VERDICT_H
#define LIMITS_VERDICT_H

enum claim_verdict {
    CLAIM_MINE,      /* nobody had the codes, and no limit forbids: go on */
    CLAIM_HELD,      /* the same request is under way, here or in another process: ask again */
    CLAIM_KEPT,      /* the same request was answered just now: give that answer */
    CLAIM_EXCHANGED, /* the same request exchanged its codes but could not be stored: go on from
                        there, with what WeChat gave */
    CLAIM_USED,      /* somebody used one of the codes, and it was not this request */
    CLAIM_LIMITED,   /* too many of this user or address */
    CLAIM_BUSY,      /* too many of this app wait for WeChat */
    CLAIM_BUDGET,    /* the app's phone exchanges of the day are used up */
};

#endif
