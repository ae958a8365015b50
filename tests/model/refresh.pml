/* refresh.pml - the refresh protocol of one app: lease, epoch, intent, commit, report.
 *
 * TOKENDS instances share one Redis and one WeChat. Their steps are those of tokend/refresh/ and of
 * shared/token/lua/, in their words. What must hold is in judge.pml, under the names that
 * docs/protocol.md uses; check.sh lets spin look at every state that can be reached.
 *
 * A step of a tokend is one script in Redis with what its caller makes of the answer, or one deed
 * of WeChat. Between two steps anything may happen to the others: a paused tokend is one that is
 * not chosen. These go wrong, FAULTS times in all (with UNBOUNDED: any number of times, and a
 * refresh may be due at any moment):
 *
 *   a crash, with all memory lost, before or after any step; restarted at once, or never
 *   a graceful stop, which gives the lease back
 *   a lease that ends under its owner, who learns of it whenever it is chosen next: a pause
 *   renewals without an answer, so that an owner gives up a lease that is still its own
 *   a script that takes effect although its answer is lost
 *   a call that WeChat refuses, that does not arrive, or whose answer is lost
 *   LATE_CALLS: a call that WeChat carries out at any time after its caller gave it up
 *
 * Left out, and why that hides nothing:
 *
 *   Time. Whatever a deadline starts may start at any moment. Margins are kept in two places, both
 *     lifted by LATE_CALLS: a call is over when it times out, and a crashed leader's call is over
 *     when its lease ends (begin asks for a lease that outlasts the call).
 *   The way from Redis back to a tokend. Until the answer is there its caller does nothing that
 *     others see, so a late answer is the same as a late next step; a script without effect is the
 *     same as a later one.
 *   The ends of tokens. A refresh is due at any moment until version REFRESHES is over. The overlap
 *     of a previous token ends at any moment after the issuance.
 *   The probe as a step, and with it consumers' reports: a leader knows when the token is dead.
 *   Followers' looks at Redis: who begins to lead reads all that it acts upon.
 *
 * Not looked at: two calls at once that nobody waits for, scripts that take effect after the next
 * one of their caller, budget, back-off, orders, stable mode, several apps, the previous token's
 * key, Redis losing data, clocks. Most of these are in tests/sim/.
 *
 * check.sh runs it. By hand, in an empty folder ($M is this one); the last line tells what pan
 * found, step by step, as 1 and 2 for the tokends and 3 for what is around them:
 *
 *   spin -a -DFAULTS=2 -DNO_DISPLACED $M/refresh.pml
 *   cc -O2 -DSAFETY -DNOCLAIM -DNOREDUCE -DREACH -o pan pan.c && ./pan -i
 *   spin -t -T -k refresh.pml.trail -g -DFAULTS=2 -DNO_DISPLACED $M/refresh.pml
 *
 * The macros that break a rule on purpose stand where the rule does: NO_INTENT, NO_FENCING,
 * SAME_EPOCH, COMMIT_UNCHECKED, COMMIT_COUNTED, UNKNOWN_AS_REFUSED, IGNORE_INTENT,
 * RELEASE_DURING_CALL, NO_DISPLACED, DROP_WHEN_HEARD, FORGET_ON_UNLEAD, NO_PROBE. */
#include "state.pml"
#include "judge.pml"
#include "renumber.pml"
#include "possible.pml"

/* One step: what it is, and when it is possible. All steps of a process stand in one atomic, which
 * looks at what became of the one taken. */
#define STEP(what, possible) (possible) -> d_step { SAY(what);
#define END }
#define SAY(what) printf("%d: ", _pid); printf(what)

/* ---- what a tokend does ---- */

inline unlead() {
#ifdef FORGET_ON_UNLEAD
    me.displaced = false;
#endif
    me.leading = false;
    me.adopted = false;
    me.epoch = 0;
    me.heard = 0
}

inline fenced(by_epoch) {
    if
    :: me.leading && me.epoch == (by_epoch) -> unlead()
    :: else
    fi
}

inline owe_telling() {
    judge_discarded(me.token);
#ifndef NO_DISPLACED
    me.displaced = true
#else
    skip
#endif
}

inline rest() {
    me.state = RESTING;
    me.attempt_epoch = 0;
    me.token = 0
}

/* After a settle that was answered. */
inline settled_unknown() {
    if
    :: FENCED(me.attempt_epoch) ->
        fenced(me.attempt_epoch);
        owe_telling()
    :: else
    fi
}

inline forget_all() {
    unlead();
    rest();
    me.version = 0;
    me.own_intent = false;
    me.spent = false;
    me.unresolved = false;
    me.displaced = false
}

/* What is under way at WeChat goes on without its caller. */
inline leave_call() {
    if
    :: IS_CALLING ->
        if
#ifndef LATE_CALLS
        :: redis.lease == OWNER(self) && me.attempt_epoch == redis.drawn -> wechat.guarded = true
#endif
        :: else -> wechat.astray = true
        fi
    :: else
    fi
}

inline crash() {
    fault(1);
    leave_call();
    judge_untold();
    forget_all();
    redis.lease = (redis.lease == OWNER(self) -> CRASHED : redis.lease)
}

/* ---- what its scripts do ---- */

inline draw_lease() {
    redis.lease = OWNER(self);
#ifndef SAME_EPOCH
    redis.drawn++
#else
    redis.drawn = 1
#endif
}

inline leave_epoch(callers) {
    redis.epoch = ((callers) > redis.epoch -> (callers) : redis.epoch)
}

/* Nobody has Redis's intent in mind any more: there is none, or a new one. */
inline forget_intent() {
    for (i : 0 .. TOKENDS - 1) {
        tokend[i].own_intent = false;
        tokend[i].spent = false
    }
}

inline store_intent(is_spent) {
#ifndef NO_INTENT
    forget_intent();
    redis.intent = true;
    me.own_intent = true;
    me.spent = is_spent
#else
    skip
#endif
}

inline remove_own_intent() {
    if
    :: me.own_intent ->
        forget_intent();
        redis.intent = false
    :: else
    fi
}

inline write_token() {
    if
    :: redis.token != me.token ->
#ifdef COMMIT_COUNTED
        me.version = redis.version;
#endif
        judge_write(me.version + 1, me.token);
        redis.token = me.token;
        redis.version = me.version + 1
    :: else
    fi;
    leave_epoch(me.attempt_epoch);
    remove_own_intent()
}

inline drop_heard() {
    gap = me.heard;
    redis.reports = redis.reports - gap;
    for (i : 0 .. TOKENDS - 1) {
        tokend[i].heard = (tokend[i].heard > gap -> tokend[i].heard - gap : 0)
    }
    gap = 0
}

inline issue() {
    wechat.issued++;
    wechat.overlap_over = false
}

/* ---- a tokend ---- */

proctype instance(byte self) {
    do
    :: atomic {
        if
        /* -- the lease -- */
        :: STEP("leads\n", MAY_LEAD)
            draw_lease();
            me.leading = true;
            me.epoch = redis.drawn
        END
        :: STEP("acquires the lease, unanswered\n", MAY_LEAD && redis.drawn > 0 && FAULTY)
            fault(1);
            draw_lease()
        END
        :: STEP("sees that its lease is over\n", me.leading && redis.lease != OWNER(self))
            unlead()
        END
        :: STEP("gives its lease up\n", me.leading && redis.lease == OWNER(self) && FAULTY)
            fault(1);
            unlead()
        END
        :: STEP("stops and gives the lease back\n",
                redis.lease == OWNER(self) && IS_DRAINED && FAULTY)
            fault(1);
            leave_call();
            forget_all();
            redis.lease = NOBODY
        END

        /* -- a look, for writing -- */
        :: STEP("reads\n", MAY_READ)
            if
            :: FENCED(me.epoch) -> fenced(me.epoch)
            :: else ->
                leave_epoch(me.epoch);
                me.adopted = true;
                if
                :: redis.intent && !(me.own_intent && !me.spent) ->
#ifndef IGNORE_INTENT
                    me.own_intent = true;
                    me.spent = true;
                    me.unresolved = true
#endif
                :: !redis.intent && redis.version > me.version -> me.unresolved = false
                :: else
                fi;
                me.version = redis.version
            fi
        END
        :: STEP("reads, unanswered\n", MAY_READ && redis.epoch < me.epoch && FAULTY)
            fault(1);
            leave_epoch(me.epoch)
        END

        /* -- begin -- */
        :: STEP("begins\n", MAY_BEGIN)
            if
            :: FENCED(me.epoch) -> fenced(me.epoch)
            :: !FENCED(me.epoch) && redis.version > me.version ->
                me.adopted = false /* read again */
            :: else ->
                leave_epoch(me.epoch);
                store_intent(true);
                me.attempt_epoch = me.epoch;
                if
                :: me.displaced ->
                    me.displaced = false;
                    me.unresolved = true;
                    judge_told()
                :: else
                fi;
                me.state = FETCHING
            fi
        END
        :: STEP("begins, and settles: the lease is too short now\n",
                MAY_BEGIN && BEGIN_GOES && FAULTY)
            fault(1);
            leave_epoch(me.epoch);
            store_intent(true);
            if
            :: DROPS_INTENT -> remove_own_intent()
            :: else
            fi
        END
        :: STEP("begins, unanswered\n", MAY_BEGIN && BEGIN_GOES && FAULTY)
            fault(1);
            leave_epoch(me.epoch);
            store_intent(false)
        END
        :: STEP("begins, which does not arrive\n", MAY_BEGIN && me.own_intent && FAULTY)
            fault(1);
            me.own_intent = false;
            me.spent = false
        END

        /* -- fetch, and settle where no token came -- */
        :: STEP("WeChat issues a token to it\n", IS_CALLING)
            judge_issuance(redis.intent || !CALLS(self));
            judge_company();
            issue();
            me.token = wechat.issued
        END
        :: STEP("is refused by WeChat\n", IS_CALLING && FAULTY)
            fault(1);
            if
            :: FENCED(me.attempt_epoch) -> fenced(me.attempt_epoch)
            :: !FENCED(me.attempt_epoch) && DROPS_INTENT -> remove_own_intent()
            :: else
            fi;
            rest()
        END
        :: STEP("is refused by WeChat, and its settle does not arrive\n",
                IS_CALLING && DROPS_INTENT && FAULTY_TWICE)
            fault(2);
            me.spent = false;
            rest()
        END
        :: STEP("gets no answer of WeChat\n", me.state == FETCHING && FAULTY)
            fault(1);
#ifdef UNKNOWN_AS_REFUSED
            if
            :: DROPS_INTENT && !FENCED(me.attempt_epoch) -> remove_own_intent()
            :: else
            fi;
#else
            me.unresolved = true;
#endif
            settled_unknown();
            rest()
        END
        :: STEP("gets no answer of WeChat, nor to its settle\n",
                me.state == FETCHING && FAULTY_TWICE)
            fault(2);
            me.unresolved = true;
            owe_telling();
            rest()
        END
#ifdef LATE_CALLS
        :: STEP("gets no answer of WeChat yet\n", IS_CALLING && FAULTY)
            fault(1);
            wechat.astray = true;
            me.unresolved = true;
            settled_unknown();
            rest()
        END
#endif

        /* -- commit -- */
        :: STEP("commits\n", MAY_COMMIT)
            if
            :: COMMIT_GOES ->
                write_token();
                me.version = redis.version;
                me.unresolved = false
            :: else ->
                if
                :: FENCED(me.attempt_epoch) -> fenced(me.attempt_epoch)
                :: else
                fi;
                owe_telling()
            fi;
            rest()
        END
        :: STEP("commits, unanswered\n",
                MAY_COMMIT && COMMIT_GOES && redis.token != me.token && FAULTY)
            fault(1);
            write_token();
            me.state = RECOMMIT
        END

        /* -- reports -- */
        :: STEP("tells that a token was displaced\n", MAY_TELL)
            redis.reports++;
            judge_told();
            me.displaced = false
        END
        :: STEP("tells that a token was displaced, unanswered\n", MAY_TELL && FAULTY)
            fault(1);
            redis.reports++;
            judge_told()
        END
        :: STEP("hears\n", me.leading && me.adopted && redis.reports > me.heard)
            me.heard = redis.reports;
            me.displaced = true;
#ifdef DROP_WHEN_HEARD
            drop_heard()
#endif
        END
        :: STEP("drops what it settled\n",
                me.leading && me.adopted && !me.displaced && me.heard > 0)
            drop_heard()
        END

        /* -- the end -- */
        :: STEP("crashes\n", !me.gone && FAULTY)
            crash()
        END
#ifndef UNBOUNDED /* where it is the same as never to be chosen again */
        :: STEP("crashes for good\n", !me.gone && redis.drawn > 0 && HAS_COMPANY(self) && FAULTY)
            crash();
            me.gone = true
        END
#endif
        fi;
        d_step { judge(); renumber() }
    }
    :: AT_REST || me.gone -> break
    od
}

/* ---- what is around ---- */

proctype surroundings() {
    do
    :: atomic {
        if
        :: STEP("the lease of a crashed owner ends\n", redis.lease == CRASHED && !wechat.guarded)
            redis.lease = NOBODY
        END
        :: STEP("the lease of a paused owner ends\n",
                redis.lease != NOBODY && redis.lease != CRASHED && FAULTY)
            fault(1);
            redis.lease = NOBODY
        END
#ifndef LATE_CALLS
        :: STEP("WeChat carries out the call of a crashed leader\n", wechat.guarded)
            judge_issuance(redis.intent);
            issue();
            wechat.guarded = false
        END
#endif
        :: STEP("WeChat carries out a call for which nobody waits\n", wechat.astray)
            issue();
            judge_astray();
            wechat.astray = false
        END
        :: STEP("WeChat drops the calls for which nobody waits\n", wechat.guarded || wechat.astray)
            wechat.guarded = false;
            wechat.astray = false
        END
        :: STEP("the overlap is over\n", /* that of a token not in Redis matters to nobody */
                redis.token != 0 && redis.token + 1 == wechat.issued && !wechat.overlap_over)
            wechat.overlap_over = true
        END
        fi;
        d_step { judge(); renumber() }
    }
    :: AT_REST -> break
    od
}

init {
    atomic {
        for (i : 0 .. TOKENDS - 1) {
            run instance(i)
        }
        run surroundings();
        i = 0
    }
}
