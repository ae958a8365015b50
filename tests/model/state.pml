/* state.pml - what there is in refresh.pml, which includes it: Redis, WeChat, the tokends. */

#ifndef TOKENDS
#define TOKENDS 2
#endif
#ifndef FAULTS
#define FAULTS 3
#endif
#ifndef REFRESHES
#define REFRESHES 1
#endif

#define NOBODY 0
#define OWNER(t) ((t) + 1)
#define CRASHED 15 /* the lease of an owner that is no more */
#define MOST 15    /* that can be counted in four bits */

typedef Redis {
    unsigned lease : 4; /* P:leader */
    unsigned drawn : 4; /* P:epoch */
    unsigned epoch : 4; /* of the app, as all that follows */
    unsigned version : 4;
    unsigned token : 4; /* numbered in the order of issuance; 0: none */
    bool intent;        /* whose it is: Tokend.own_intent */
    unsigned reports : 4; /* "displaced", so many are in the stream */
}

typedef WeChat {
    unsigned issued : 4; /* the current token; the one before it lives on ... */
    bool overlap_over;   /* ... until this */
    bool guarded; /* a call under way whose caller crashed, and whose lease has not ended */
    bool astray;  /* a call under way of which nobody can tell when it is over */
}

#define RESTING 0
#define FETCHING 1 /* WeChat is called; or its answer is there, and not committed */
#define RECOMMIT 2 /* the commit got no answer */

typedef Tokend {
    bool gone; /* crashed, and not started again */

    bool leading; /* as it believes */
    bool adopted; /* the record was read with this epoch */
    unsigned epoch : 4;
    unsigned version : 4; /* the record's */

    unsigned state : 2;
    unsigned attempt_epoch : 4;
    unsigned token : 4; /* that WeChat issued for this attempt; 0: not yet */

    bool own_intent; /* the intent in Redis is the one this tokend has in mind, and ... */
    bool spent;      /* ... WeChat may have been called under it */
    bool unresolved; /* there may have been an issuance that nobody holds */
    bool displaced;  /* the same, and Redis has no intent for it */
    unsigned heard : 4; /* so many of the reports in the stream, from the oldest on */
}

Redis redis;
WeChat wechat;
Tokend tokend[TOKENDS];
unsigned faults : 4 = FAULTS;

#ifdef UNBOUNDED
#define fault(n) skip
#else
#define fault(n) faults = faults - (n)
#endif

#define me tokend[self]

#if TOKENDS == 2
#define ANY(of) (of(0) || of(1))
#define EVERY(of) (of(0) && of(1))
#define HAS_COMPANY(t) (!tokend[1 - (t)].gone)
#else
#define ANY(of) (of(0) || of(1) || of(2))
#define EVERY(of) (of(0) && of(1) && of(2))
#define HAS_COMPANY(t) (!tokend[((t) + 1) % 3].gone || !tokend[((t) + 2) % 3].gone)
#endif

/* Scratch: not part of a state. */
hidden byte i;
hidden byte gap;
