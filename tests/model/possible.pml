/* possible.pml - when a step of refresh.pml is possible, and what a script says. Included by it. */

#ifdef NO_FENCING
#define FENCED(by) false
#else
#define FENCED(by) (redis.epoch > (by))
#endif

#ifdef UNBOUNDED
#define DUE true
#else
#define DUE (me.version <= REFRESHES)
#endif

#ifdef RELEASE_DURING_CALL
#define IS_DRAINED true
#else
#define IS_DRAINED (me.state == RESTING && !me.displaced)
#endif

#if defined(COMMIT_UNCHECKED) || defined(COMMIT_COUNTED)
#define COMMIT_GOES true
#else
#define COMMIT_GOES                                                                                \
    (!FENCED(me.attempt_epoch) && (redis.token == me.token || redis.version <= me.version))
#endif

#define FAULTY (faults > 0)
#define FAULTY_TWICE (faults > 1)

/* Which tokend leads first is but a matter of names. */
#define MAY_LEAD                                                                                   \
    (!me.gone && !me.leading && (redis.lease == NOBODY || redis.lease == OWNER(self)) &&           \
     (redis.drawn > 0 || self == 0))
#define MAY_READ (me.leading && !me.adopted && me.state == RESTING)
#ifdef NO_PROBE
#define FINDS_DEAD false
#else
#define FINDS_DEAD (!ALIVE(redis.token))
#endif
#define WANTS_REFRESH (DUE || me.unresolved || me.displaced || FINDS_DEAD)
#define MAY_BEGIN (me.leading && me.adopted && me.state == RESTING && WANTS_REFRESH)
#define BEGIN_GOES (!FENCED(me.epoch) && redis.version <= me.version)
#define IS_CALLING (me.state == FETCHING && me.token == 0)
#define DROPS_INTENT (!me.unresolved && !me.displaced)
#define MAY_COMMIT (me.state != RESTING && me.token != 0)
#define MAY_TELL (!me.leading && me.displaced && me.state == RESTING)
