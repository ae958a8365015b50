#include "loginsvc/sessions/revocation_herald.h"

#include <stdlib.h>

#include "log/log.h"
#include "loginsvc/sessions/revocation_news.h"

enum {
    TELLINGS_MAX = 64, /* messages under way */
    TELL_TIMEOUT_MS = 2000,
    RETRY_MS = 500,
    LOG_PERIOD_MS = 30000,
};

/* A message under way. */
struct telling {
    struct revocation_herald *herald;
    uint64_t id; /* of the command, 0 = free */
};

struct revocation_herald {
    struct redis_client *client;
    char channel[REVOCATION_CHANNEL_SIZE];
    struct telling tellings[TELLINGS_MAX];
    bool owes_look; /* others may have missed something: the timer runs */
    struct loop_timer *timer;
    struct revocation_herald_stats stats;
};

/* Not moved by further failures: while many fail, it must come all the same. */
static void owe_look(struct revocation_herald *h)
{
    if (!h->owes_look)
        loop_timer_after(h->timer, RETRY_MS);
    h->owes_look = true;
}

static void on_told(const struct redis_result *r, void *arg)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    struct telling *t = arg;
    struct revocation_herald *h = t->herald;
    int64_t swallowed;
    t->id = 0;
    if (r->outcome == REDIS_REPLIED) {
        h->stats.told++;
        return;
    }
    h->stats.failed++;
    owe_look(h);
    if (log_limit_pass(&limit, &swallowed))
        log_warn("sessions.not_told", LOG_STR("channel", h->channel), LOG_SLICE("error", r->text),
                 LOG_INT("swallowed", swallowed));
}

static struct telling *free_telling(struct revocation_herald *h)
{
    for (size_t i = 0; i < TELLINGS_MAX; i++) {
        if (h->tellings[i].id == 0)
            return &h->tellings[i];
    }
    return NULL;
}

void revocation_herald_tell(struct revocation_herald *h, const char *message)
{
    struct telling *t = free_telling(h);
    if (!t) {
        owe_look(h);
        return;
    }
    t->id = redis_command(h->client, REDIS_WAIT, TELL_TIMEOUT_MS,
                          REDIS_ARGV(SLICE_LIT("PUBLISH"), slice_of(h->channel), slice_of(message)),
                          on_told, t);
}

static void on_timer(void *arg)
{
    struct revocation_herald *h = arg;
    h->owes_look = false;
    revocation_herald_tell(h, REVOCATION_NEWS_LOOK);
}

struct revocation_herald *revocation_herald_new(struct loop *l, struct redis_client *client,
                                                const char *channel)
{
    struct revocation_herald *h = xcalloc(1, sizeof *h);
    h->client = client;
    h->timer = loop_timer_new(l, on_timer, h);
    ASSERT(slice_copy(slice_of(channel), h->channel, sizeof h->channel));
    for (size_t i = 0; i < TELLINGS_MAX; i++)
        h->tellings[i].herald = h;
    return h;
}

void revocation_herald_free(struct revocation_herald *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < TELLINGS_MAX; i++)
        redis_cancel(h->client, h->tellings[i].id);
    loop_timer_free(h->timer);
    free(h);
}

struct revocation_herald_stats revocation_herald_stats(const struct revocation_herald *h)
{
    return h->stats;
}
