#include "redis/subscriber.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "redis/link.h"
#include "redis/refusal.h"

/* A name that somebody hears, or whose SUBSCRIBE is still to be confirmed. */
struct channel {
    struct list node; /* of the subscriber's channels */
    enum redis_channel_kind kind;
    char *name;
    size_t name_n;
    struct list listeners; /* struct redis_subscription */
    size_t nlisteners;
    int confirmations_due; /* SUBSCRIBEs sent on this connection and not yet confirmed */
    int calling;           /* its listeners are being called */
};

struct redis_subscription {
    struct list node;
    struct redis_subscriber *owner;
    struct channel *channel;
    struct redis_listener listener;
    void *arg;
    bool live;
};

struct redis_subscriber {
    struct link *link;
    struct list channels;
    struct map *by_name[2]; /* the same, by enum redis_channel_kind */
    int calling;
};

static const struct verb {
    const char *subscribe, *unsubscribe, *message;
    size_t message_length; /* elements: the pattern, if there is one, stands before the channel */
} verbs[] = {
    [REDIS_CHANNEL] = {"subscribe", "unsubscribe", "message", 3},
    [REDIS_PATTERN] = {"psubscribe", "punsubscribe", "pmessage", 4},
};

/* What is told to each listener of a channel: a message, or on_live when payload.p is NULL. */
struct news {
    struct slice channel, payload;
};

/* ---- channels ---- */

static struct slice name_of(const struct channel *ch)
{
    return (struct slice){ch->name, ch->name_n};
}

static struct channel *channel_new(struct redis_subscriber *s, enum redis_channel_kind kind,
                                   struct slice name)
{
    struct channel *ch = xcalloc(1, sizeof *ch);
    ch->kind = kind;
    ch->name = slice_dup(name);
    ch->name_n = name.n;
    list_init(&ch->listeners);
    list_push_back(&s->channels, &ch->node);
    (void)map_put(s->by_name[kind], name, ch);
    return ch;
}

/* A name that is still to be confirmed stays: the confirmation must not be taken for that of a
 * later SUBSCRIBE of the same name. */
static void drop_if_idle(struct redis_subscriber *s, struct channel *ch)
{
    if (ch->nlisteners > 0 || ch->calling > 0 || ch->confirmations_due > 0)
        return;
    list_remove(&ch->node);
    (void)map_remove(s->by_name[ch->kind], name_of(ch));
    free(ch->name);
    free(ch);
}

static void send_verb(struct redis_subscriber *s, const char *verb, struct slice name)
{
    struct slice argv[] = {slice_of(verb), name};
    link_command(s->link, argv, ARRAY_LEN(argv));
}

static void ask_subscribe(struct redis_subscriber *s, struct channel *ch)
{
    ch->confirmations_due++;
    send_verb(s, verbs[ch->kind].subscribe, name_of(ch));
}

/* ---- calling the listeners ---- */

static void tell(struct redis_subscription *sub, const struct news *news)
{
    if (news->payload.p) {
        sub->listener.on_message(news->channel, news->payload, sub->arg);
    } else if (!sub->live) {
        sub->live = true;
        if (sub->listener.on_live)
            sub->listener.on_live(sub->arg);
    }
}

/* Each listener may unsubscribe any, and subscribe new ones, which are not told. */
static void tell_all(struct redis_subscriber *s, struct channel *ch, const struct news *news)
{
    struct list todo;
    struct list *node;
    list_init(&todo);
    list_take_all(&ch->listeners, &todo);
    s->calling++;
    ch->calling++;
    while ((node = list_pop_front(&todo)) != NULL) {
        list_push_back(&ch->listeners, node);
        tell(LIST_ENTRY(node, struct redis_subscription, node), news);
    }
    ch->calling--;
    s->calling--;
    drop_if_idle(s, ch);
}

/* ---- what Redis says ---- */

static void on_confirmed(struct redis_subscriber *s, enum redis_channel_kind kind,
                         const struct redis_value *v)
{
    struct channel *ch = map_get(s->by_name[kind], redis_value_slice(redis_value_at(v, 1)));
    struct news live = {{NULL, 0}, {NULL, 0}};
    if (!ch || ch->confirmations_due == 0 || --ch->confirmations_due > 0)
        return;
    tell_all(s, ch, &live);
}

/* ["message", channel, payload] or ["pmessage", pattern, channel, payload]. */
static void on_message(struct redis_subscriber *s, enum redis_channel_kind kind,
                       const struct redis_value *v)
{
    size_t n = redis_value_count(v);
    struct channel *ch = map_get(s->by_name[kind], redis_value_slice(redis_value_at(v, 1)));
    struct news news = {redis_value_slice(redis_value_at(v, n - 2)),
                        redis_value_slice(redis_value_at(v, n - 1))};
    if (ch && n == verbs[kind].message_length && news.payload.p)
        tell_all(s, ch, &news);
}

static void on_reply(const struct redis_value *v, void *arg)
{
    struct redis_subscriber *s = arg;
    struct slice word = redis_value_slice(redis_value_at(v, 0));
    struct err why;
    if (redis_value_type(v) == REDIS_TYPE_ERROR) { /* no permission, or no longer served */
        link_fail(s->link, redis_refusal_explain(redis_value_slice(v), &why));
        return;
    }
    for (int kind = REDIS_CHANNEL; kind <= REDIS_PATTERN; kind++) {
        if (slice_is(word, verbs[kind].message))
            on_message(s, (enum redis_channel_kind)kind, v);
        else if (slice_is(word, verbs[kind].subscribe))
            on_confirmed(s, (enum redis_channel_kind)kind, v);
    }
}

static void on_ready(void *arg)
{
    struct redis_subscriber *s = arg;
    LIST_FOR_EACH(it, &s->channels)
    {
        ask_subscribe(s, LIST_ENTRY(it, struct channel, node));
    }
}

static void on_down(const char *reason, void *arg)
{
    struct redis_subscriber *s = arg;
    (void)reason;
    LIST_FOR_EACH(it, &s->channels)
    {
        struct channel *ch = LIST_ENTRY(it, struct channel, node);
        LIST_FOR_EACH(at, &ch->listeners)
        {
            LIST_ENTRY(at, struct redis_subscription, node)->live = false;
        }
        ch->confirmations_due = 0;
        drop_if_idle(s, ch);
    }
}

static void on_quiet(void *arg)
{
    struct redis_subscriber *s = arg;
    link_command(s->link, &SLICE_LIT("PING"), 1);
}

/* ---- public ---- */

struct redis_subscriber *redis_subscriber_new(struct loop *l, const struct redis_url *url,
                                              const struct redis_options *o)
{
    static const struct link_hooks link_hooks = {"subscriber", on_ready, on_reply, on_down,
                                                 on_quiet};
    struct redis_subscriber *s = xcalloc(1, sizeof *s);
    list_init(&s->channels);
    for (int kind = REDIS_CHANNEL; kind <= REDIS_PATTERN; kind++)
        s->by_name[kind] = map_new(0);
    s->link = link_new(l, url, o, &link_hooks, s);
    return s;
}

static void free_channel(struct redis_subscriber *s, struct channel *ch)
{
    struct list *node;
    while ((node = list_pop_front(&ch->listeners)) != NULL)
        free(LIST_ENTRY(node, struct redis_subscription, node));
    ch->nlisteners = 0;
    ch->confirmations_due = 0;
    drop_if_idle(s, ch);
}

void redis_subscriber_free(struct redis_subscriber *s)
{
    if (!s)
        return;
    ASSERT(s->calling == 0);
    LIST_FOR_EACH(it, &s->channels)
    {
        free_channel(s, LIST_ENTRY(it, struct channel, node));
    }
    for (int kind = REDIS_CHANNEL; kind <= REDIS_PATTERN; kind++)
        map_free(s->by_name[kind]);
    link_free(s->link);
    free(s);
}

bool redis_subscriber_ready(const struct redis_subscriber *s)
{
    return link_state(s->link) == LINK_READY;
}

struct redis_subscription *redis_subscribe(struct redis_subscriber *s, enum redis_channel_kind kind,
                                           struct slice name, const struct redis_listener *listener,
                                           void *arg)
{
    struct channel *ch = map_get(s->by_name[kind], name);
    struct redis_subscription *sub = xcalloc(1, sizeof *sub);
    if (!ch)
        ch = channel_new(s, kind, name);
    sub->owner = s;
    sub->channel = ch;
    sub->listener = *listener;
    sub->arg = arg;
    list_push_back(&ch->listeners, &sub->node);
    ch->nlisteners++;
    if (redis_subscriber_ready(s))
        ask_subscribe(s, ch); /* also for a name that is live: its confirmation is on_live */
    return sub;
}

void redis_unsubscribe(struct redis_subscription *sub)
{
    if (!sub)
        return;
    struct redis_subscriber *s = sub->owner;
    struct channel *ch = sub->channel;
    list_remove(&sub->node);
    free(sub);
    if (--ch->nlisteners == 0 && redis_subscriber_ready(s))
        send_verb(s, verbs[ch->kind].unsubscribe, name_of(ch));
    drop_if_idle(s, ch);
}

bool redis_subscription_live(const struct redis_subscription *sub)
{
    return sub->live;
}
