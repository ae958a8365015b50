/* renumber.pml - makes one state of those that differ in their past alone. Included by refresh.pml.
 *
 * Tokens, versions, epochs and reports are only compared with others of their kind. So a number
 * that nothing has any more is taken out, and the higher ones move down. With UNBOUNDED, where this
 * makes finitely many states of any number of faults, what an older leader remembers without use is
 * forgotten too, and it does not matter which of two tokends is which. */

#define MOVED(n) ((n) > gap -> (n) - 1 : (n))

#define HAS_TOKEN(t) tokend[t].token == gap
#define HAS_EPOCH(t) tokend[t].epoch == gap || tokend[t].attempt_epoch == gap
#define HAS_VERSION(t) tokend[t].version == gap
#define HAS_HEARD(t) tokend[t].heard == gap

/* The token before the current one keeps its place. */
inline renumber_tokens() {
    gap = wechat.issued;
    do
    :: gap > 1 ->
        gap--;
        if
        :: gap + 1 == wechat.issued || redis.token == gap || discarded == gap || told == gap ||
            untold == gap || ANY(HAS_TOKEN)
        :: else ->
            wechat.issued--;
            redis.token = MOVED(redis.token);
            discarded = MOVED(discarded);
            told = MOVED(told);
            untold = MOVED(untold);
            for (i : 0 .. TOKENDS - 1) {
                tokend[i].token = MOVED(tokend[i].token)
            }
        fi
    :: else -> break
    od
}

inline renumber_epochs() {
    gap = redis.drawn;
    do
    :: gap > 1 ->
        gap--;
        if
        :: redis.epoch == gap || ANY(HAS_EPOCH)
        :: else ->
            redis.drawn--;
            redis.epoch = MOVED(redis.epoch);
            for (i : 0 .. TOKENDS - 1) {
                tokend[i].epoch = MOVED(tokend[i].epoch);
                tokend[i].attempt_epoch = MOVED(tokend[i].attempt_epoch)
            }
        fi
    :: else -> break
    od
}

/* The first version of those that are never due; all above are the same but for their order. */
#ifdef UNBOUNDED
#define NEVER_DUE 1
#else
#define NEVER_DUE (REFRESHES + 1)
#endif

inline renumber_versions() {
    for (i : 0 .. TOKENDS - 1) {
        if
        :: !tokend[i].leading && tokend[i].state == RESTING && !tokend[i].unresolved ->
            tokend[i].version = 0 /* it is read before it is used */
        :: else
        fi
    }
    gap = redis.version;
    do
    :: gap > NEVER_DUE ->
        gap--;
        if
        :: ANY(HAS_VERSION)
        :: else ->
            redis.version--;
            for (i : 0 .. TOKENDS - 1) {
                tokend[i].version = MOVED(tokend[i].version)
            }
        fi
    :: else -> break
    od
}

inline renumber_reports() {
    gap = redis.reports;
    do
    :: gap > 1 ->
        gap--;
        if
        :: ANY(HAS_HEARD)
        :: else ->
            redis.reports--;
            for (i : 0 .. TOKENDS - 1) {
                tokend[i].heard = MOVED(tokend[i].heard)
            }
        fi
    :: else -> break
    od
}

#ifdef UNBOUNDED
#define OUTDONE(e) ((e) != 0 && (e) < redis.epoch)

/* Of an attempt that is over, or that another leader has outdone, this still makes a difference:
 * whether its epoch is the tokend's own, whether Redis's intent is its own unspent one, and whether
 * Redis has a newer version (if so, only that intent can keep it unresolved). One whose epoch is
 * outdone before it adopted anything leads no more, and has only to see it. */
inline forget_past() {
    for (i : 0 .. TOKENDS - 1) {
        if
        :: tokend[i].spent && (tokend[i].state == RESTING || OUTDONE(tokend[i].attempt_epoch)) ->
            tokend[i].own_intent = false;
            tokend[i].spent = false
        :: else
        fi;
        if
        :: OUTDONE(tokend[i].epoch) && !tokend[i].adopted ->
            tokend[i].leading = false;
            tokend[i].epoch = 0
        :: else
        fi;
        if
        :: tokend[i].version < redis.version && tokend[i].attempt_epoch < redis.epoch &&
            (!tokend[i].adopted || OUTDONE(tokend[i].epoch)) ->
            tokend[i].version = 0;
            tokend[i].unresolved = tokend[i].unresolved && tokend[i].own_intent
        :: else
        fi;
        if
        :: OUTDONE(tokend[i].epoch) ->
            tokend[i].epoch =
                (tokend[i].state == RESTING || tokend[i].epoch == tokend[i].attempt_epoch -> 1 : 2)
        :: else
        fi;
        if
        :: OUTDONE(tokend[i].attempt_epoch) -> tokend[i].attempt_epoch = 1
        :: else
        fi
    }
}

#define PLACE(t)                                                                                   \
    ((((tokend[t].epoch * 16 + tokend[t].attempt_epoch) * 16 + tokend[t].token) * 16 +             \
      tokend[t].version) * 1024 +                                                                  \
     tokend[t].state * 256 + tokend[t].heard * 32 + tokend[t].displaced * 16 +                     \
     tokend[t].unresolved * 8 + tokend[t].own_intent * 4 + tokend[t].spent * 2 +                   \
     tokend[t].adopted)
#define SWAP(field)                                                                                \
    gap = tokend[0].field;                                                                         \
    tokend[0].field = tokend[1].field;                                                             \
    tokend[1].field = gap
#define OTHER_OWNER                                                                                \
    (redis.lease == OWNER(0) -> OWNER(1) : (redis.lease == OWNER(1) -> OWNER(0) : redis.lease))

inline sort_tokends() {
    if
    :: PLACE(0) > PLACE(1) ->
        SWAP(leading);
        SWAP(adopted);
        SWAP(epoch);
        SWAP(version);
        SWAP(state);
        SWAP(attempt_epoch);
        SWAP(token);
        SWAP(own_intent);
        SWAP(spent);
        SWAP(unresolved);
        SWAP(displaced);
        SWAP(heard);
        redis.lease = OTHER_OWNER
    :: else
    fi
}
#endif

inline renumber() {
#ifdef UNBOUNDED
    forget_past();
#endif
    renumber_tokens();
    renumber_epochs();
    renumber_versions();
    renumber_reports();
#ifdef UNBOUNDED
    sort_tokends();
#endif
    gap = 0
}
