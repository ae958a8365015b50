#include "sim/consumer.h"

#include "sim/judge.h"
#include "sim/world.h"

static void report(struct world *w, enum refresh_event_kind kind, int64_t version)
{
    world_trace(w, "consumer: adds %s of version %lld",
                kind == REFRESH_ORDER ? "an order" : "a report", (long long)version);
    redis_add_report(&w->redis, kind, version, w->now);
    history_note(&w->history, &w->redis.data);
}

void consumer_read(struct world *w)
{
    struct consumer *c = &w->consumer;
    int64_t version = w->redis.data.version;
    int token = redis_token(&w->redis, w->now);
    if (!world_redis_up(w) || !token)
        return;
    judge_seen(w, version);
    if (!w->climate.consumers)
        return;
    bool refused = !wechat_alive(&w->wechat, token, w->now);
    bool again = w->climate.persistent || c->reported != version;
    if (refused ? again : world_chance(w, 0.02)) {
        report(w, REFRESH_REPORT, version);
        c->reported = refused ? version : c->reported;
    } else if (!w->climate.gentle && !w->climate.calm && world_chance(w, 0.005)) {
        report(w, REFRESH_ORDER, version);
        pledge_order(w, version);
    }
}
