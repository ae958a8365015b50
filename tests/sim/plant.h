/* plant.h - rules of the protocol that can be broken on purpose, to show that the judge finds it.
 * The broken part is always the model's or the driver's: the cores are the product's own. */
#ifndef SIM_PLANT_H
#define SIM_PLANT_H

#define PLANTS(X)                                                                                  \
    X(NONE, "none")                                                                                \
    X(NO_INTENT, "no-intent") /* Redis never stores the intent */                                  \
    X(NO_EPOCH, "no-epoch")   /* a lease alone: Redis refuses nothing of a stale leader */         \
    X(TTL_FROM_RECEIVE, "ttl-from-receive") /* a life counted from when the answer came */         \
    X(NO_ADOPT, "no-adopt")                 /* a new leader begins without reading Redis */        \
    X(NO_DISPLACED, "no-displaced")         /* a fenced-out leader tells nobody what it fetched */ \
    X(FORGET_REPORT, "forget-report")       /* a report leaves its stream before it is settled */  \
    X(NO_REASSERT, "no-reassert")           /* a record that Redis lost is not written back */     \
    X(NO_PROBE, "no-probe")                 /* every report is believed */                         \
    X(NO_BUDGET, "no-budget")               /* Redis counts issuances and refuses none */          \
    X(NO_LEASE_END, "no-lease-end")         /* a leader never minds how much of its lease is left */

enum plant {
#define X(name, text) PLANT_##name,
    PLANTS(X)
#undef X
        PLANT_COUNT
};

#endif
