/* judge.pml - what must hold, looked at after every step of refresh.pml. Included by it.
 *
 * The properties are variables so that spin names the one that does not hold. They stand for these
 * invariants of docs/protocol.md: 1 dead_only_under_intent, a_late_answer_is_reported;
 * 2 no_issuance_without_intent, one_uncommitted_issuance_per_epoch; 3 version_never_goes_back,
 * no_stale_overwrite; 4 eventually_fresh, and spin's own "invalid end state": nothing stalls. */

/* Kept for the properties alone. */
unsigned discarded : 4; /* the newest token that a fenced-out leader got for nothing ... */
unsigned told : 4;      /* ... and the newest of those that it told of */
unsigned untold : 4;    /* the newest token of which nobody was left to tell */

hidden byte counts_fit; /* not of the protocol: of the four bits */
hidden byte no_issuance_without_intent;
hidden byte one_uncommitted_issuance_per_epoch;
hidden byte version_never_goes_back;
hidden byte no_stale_overwrite;
hidden byte a_late_answer_is_reported;
hidden byte dead_only_under_intent;

/* The third-token rule. */
#define ALIVE(k) ((k) == wechat.issued || ((k) + 1 == wechat.issued && !wechat.overlap_over))

#define OWES(t) tokend[t].displaced
#define AWAITS_NEWER(t) (tokend[t].state != RESTING && tokend[t].token > redis.token)
#define EXPLAINED (redis.intent || redis.reports > 0 || ANY(OWES))
#define UNANSWERED(k) ((k) > redis.token && (k) > untold)

/* An attempt under an epoch that nobody has outdone. */
#define CALLS(t) (tokend[t].state != RESTING && tokend[t].attempt_epoch >= redis.epoch)

#define FRESH                                                                                      \
    (redis.version > REFRESHES && ALIVE(redis.token) && !redis.intent && redis.reports == 0)
#define LEADS(t)                                                                                   \
    (tokend[t].leading && tokend[t].adopted && redis.lease == OWNER(t) &&                          \
     redis.epoch == tokend[t].epoch && !tokend[t].unresolved)
#define RESTS(t) (tokend[t].state == RESTING && !tokend[t].displaced)

/* Nothing is left to do. */
#define AT_REST                                                                                    \
    (faults == 0 && FRESH && redis.token == wechat.issued && !wechat.guarded &&                    \
     !wechat.astray && ANY(LEADS) && EVERY(RESTS))

/* Faults are over at some time, for there are FAULTS of them. */
ltl eventually_fresh { <>[] FRESH }

/* ---- at single steps ---- */

/* An issuance to whom nobody has fenced out has its intent in Redis. */
inline judge_issuance(is_intended) {
    counts_fit = wechat.issued < MOST && redis.drawn < MOST && redis.reports < MOST;
    assert(counts_fit);
    no_issuance_without_intent = is_intended;
    assert(no_issuance_without_intent)
}

/* ... and no other such attempt is under way. */
inline judge_company() {
    one_uncommitted_issuance_per_epoch = true;
    for (i : 0 .. TOKENDS - 1) {
        if
        :: i != self && CALLS(i) && CALLS(self) -> one_uncommitted_issuance_per_epoch = false
        :: else
        fi
    }
    assert(one_uncommitted_issuance_per_epoch)
}

inline judge_write(new_version, new_token) {
    version_never_goes_back = (new_version) > redis.version;
    assert(version_never_goes_back);
    no_stale_overwrite = (new_token) > redis.token;
    assert(no_stale_overwrite)
}

/* A leader was given a token, perhaps, and cannot write it. */
inline judge_discarded(for_nothing) {
    discarded = ((for_nothing) > discarded -> (for_nothing) : discarded)
}

/* Redis has a report of it, or an intent for the refresh that answers it. */
inline judge_told() {
    told = (discarded > told -> discarded : told);
    discarded = 0
}

/* A fenced-out leader crashes before it told of what it was given: nobody else can know. */
inline judge_untold() {
    if
    :: me.token > untold && me.attempt_epoch < redis.epoch -> untold = me.token
    :: else
    fi;
    if
    :: me.displaced && discarded > untold -> untold = discarded
    :: else
    fi
}

/* Nor can anybody know of a call that was carried out after it was given up. */
inline judge_astray() {
    untold = wechat.issued
}

/* ---- after every step ---- */

inline judge() {
    /* What a fenced-out leader got for nothing is known in Redis, or to one who will tell, until a
     * later token is committed. */
    a_late_answer_is_reported = EXPLAINED || (!UNANSWERED(discarded) && !UNANSWERED(told));
    assert(a_late_answer_is_reported);
    /* A consumer reads a dead token only while a refresh is open that will replace it, while a
     * report asks for one, or while a fenced-out leader, paused with the answer under way, has
     * still to tell of it. What nobody was left to tell of, the probe finds. */
    dead_only_under_intent = redis.version == 0 || ALIVE(redis.token) || EXPLAINED ||
                             ANY(AWAITS_NEWER) || untold > redis.token;
    assert(dead_only_under_intent);
    discarded = (UNANSWERED(discarded) -> discarded : 0);
    told = (UNANSWERED(told) -> told : 0);
    untold = (untold > redis.token -> untold : 0)
}
