#include "tokend/api/events.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "tokend/api/feed.h"

enum {
    TICK_MS = 1000,
    HEARTBEAT_MS = 15000, /* of silence */
    STUCK_MS = 10000,     /* without room for more: given up */
    PUMP_MS = 20,         /* how soon it is seen that a client took what it had */
    NEWS_SIZE = FEED_NEWS_BYTES + FEED_NEWS_MAX * (sizeof "id: \n" + EVENT_ID_SIZE),
    ROOM = HTTP_STREAM_BACKLOG - NEWS_SIZE - 1024, /* for a page, and what HTTP puts around it */
};

#define GREETING "retry: 1000\n: tokend\n"

/* A client with an open stream. */
struct listener {
    struct list node;
    struct events *owner;
    uint64_t stream;
    struct client_key key;
    struct map *only;      /* the appids it asked for; NULL: all that it sees */
    bool has_place;        /* else it begins where the feed does */
    struct event_id place; /* it was told all up to here */
    mono_ms_t quiet_since; /* nothing was sent since */
    mono_ms_t stuck_since; /* MONO_NEVER: it has room for more */
};

struct events {
    struct events_parts parts;
    struct feed *feed;
    struct list listeners;
    struct loop_timer *tick; /* while there are listeners, and once more */
    struct loop_timer *pump;
    char news[NEWS_SIZE]; /* what one of them is sent at a time */
};

/* ---- one listener ---- */

static void listener_free(struct listener *l)
{
    list_remove(&l->node);
    map_free(l->only);
    free(l);
}

static void on_close(void *arg)
{
    listener_free(arg);
}

static void end(struct listener *l)
{
    http_stream_end(l->owner->parts.server, l->stream);
    listener_free(l);
}

static void send_text(struct listener *l, struct slice text)
{
    http_stream_send(l->owner->parts.server, l->stream, text);
    l->quiet_since = loop_now(l->owner->parts.loop);
}

static bool has_room(struct listener *l)
{
    struct events *e = l->owner;
    bool room = http_stream_backlog(e->parts.server, l->stream) <= ROOM;
    if (room)
        l->stuck_since = MONO_NEVER;
    else if (l->stuck_since.ms == MONO_NEVER.ms)
        l->stuck_since = loop_now(e->parts.loop);
    return room;
}

static void put_id(struct text *out, const struct event_id *id)
{
    char text[EVENT_ID_SIZE];
    event_id_format(id, text);
    text_fmt(out, "id: %s\n", text);
}

/* From here on the client can go on after a break, though it has heard of nothing yet. */
static void say_place(struct listener *l)
{
    char text[EVENT_ID_SIZE + sizeof "id: \n\n"];
    struct text out = text_init(text, sizeof text);
    put_id(&out, &l->place);
    text_char(&out, '\n');
    send_text(l, slice_of(text));
}

/* What has come so far is not for it, nor is whose event the last one was. */
static void start_now(struct listener *l, const struct event_id *now)
{
    l->has_place = true;
    l->place = event_id_without_app(now);
    say_place(l);
}

/* ---- what it may hear ---- */

/* False when its right is gone; *client is who it is. */
static bool may_listen(const struct listener *l, const struct client **client)
{
    const struct clients *clients = l->owner->parts.clients;
    *client = clients_find(clients, &l->key);
    return clients_permit(clients, *client, TOKEND_SCOPE_READ);
}

static bool hears_of(const struct listener *l, const struct client *client, const char *appid)
{
    struct slice id = slice_of(appid);
    return client_sees(client, id) && (!l->only || map_get(l->only, id)) &&
           fleet_find(l->owner->parts.fleet, id);
}

/* ---- the feed ---- */

static void on_found(void *arg)
{
    struct events *e = arg;
    LIST_FOR_EACH(it, &e->listeners)
    {
        struct listener *l = LIST_ENTRY(it, struct listener, node);
        if (!l->has_place)
            start_now(l, feed_place(e->feed));
    }
}

/* What came late has no id: the listener's place is behind it already. */
static struct slice news_for(struct listener *l, const struct client *client,
                             const struct feed_news *news)
{
    struct text out = text_init(l->owner->news, sizeof l->owner->news);
    for (size_t i = 0; i < news->n; i++) {
        const struct page_event *event = news->list[i];
        bool late = event_id_compare(&event->id, &news->after) <= 0;
        bool is_new = event_id_compare(&event->id, &l->place) > 0;
        if ((!late && !is_new) || !hears_of(l, client, event->id.appid))
            continue;
        if (!late)
            put_id(&out, &event->id);
        text_add(&out, (struct slice){event->text, event->n});
    }
    ASSERT(!out.cut);
    return (struct slice){out.p, out.n};
}

static void tell(struct listener *l, const struct feed_news *news)
{
    const struct client *client;
    bool is_its_turn = l->has_place && event_id_compare(&news->after, &l->place) <= 0;
    if (!is_its_turn)
        return;
    if (!has_room(l)) {
        loop_timer_after(l->owner->pump, PUMP_MS);
        return;
    }
    if (!may_listen(l, &client)) {
        end(l);
        return;
    }
    struct slice text = news_for(l, client, news);
    if (text.n > 0)
        send_text(l, text);
    if (event_id_compare(&news->upto, &l->place) > 0)
        l->place = news->upto;
}

static void on_told(const struct feed_news *news, void *arg)
{
    struct events *e = arg;
    LIST_FOR_EACH(it, &e->listeners)
    {
        tell(LIST_ENTRY(it, struct listener, node), news);
    }
}

/* Who is behind but has no room is looked at again soon. */
static bool on_behind(struct event_id *least, void *arg)
{
    struct events *e = arg;
    const struct event_id *place = feed_place(e->feed);
    bool found = false;
    LIST_FOR_EACH(it, &e->listeners)
    {
        struct listener *l = LIST_ENTRY(it, struct listener, node);
        if (!l->has_place || event_id_compare(&l->place, place) >= 0)
            continue;
        if (!has_room(l)) {
            loop_timer_after(e->pump, PUMP_MS);
        } else if (!found || event_id_compare(&l->place, least) < 0) {
            *least = l->place;
            found = true;
        }
    }
    return found;
}

static void on_pump(void *arg)
{
    struct events *e = arg;
    feed_look(e->feed);
}

/* ---- the time ---- */

static void look_after(struct listener *l, mono_ms_t now)
{
    const struct client *client;
    bool stuck = !has_room(l) && mono_between(l->stuck_since, now) >= STUCK_MS;
    if (stuck || !may_listen(l, &client))
        end(l);
    else if (mono_between(l->quiet_since, now) >= HEARTBEAT_MS)
        send_text(l, SLICE_LIT(":\n\n"));
}

static void on_tick(void *arg)
{
    struct events *e = arg;
    LIST_FOR_EACH(it, &e->listeners)
    {
        look_after(LIST_ENTRY(it, struct listener, node), loop_now(e->parts.loop));
    }
    if (list_empty(&e->listeners))
        feed_close(e->feed);
    else
        loop_timer_after(e->tick, TICK_MS);
}

/* ---- a new listener ---- */

static void want_app(struct listener *l, struct slice appid)
{
    if (!l->only)
        l->only = map_new(0);
    (void)map_put(l->only, appid, l);
}

/* Each `?appid=`, of which each may name several. False, and replied to, for one that is not there
 * for this client. */
static bool take_appids(struct listener *l, struct http_call *call)
{
    const struct client *client = clients_find(l->owner->parts.clients, &l->key);
    struct slice list;
    for (size_t i = 0; (list = http_call_query_at(call, "appid", i)).p; i++) {
        while (list.p) {
            struct slice appid = slice_cut(&list, ',');
            if (appid.n == 0)
                continue;
            if (!fleet_find(l->owner->parts.fleet, appid) || !client_sees(client, appid)) {
                http_reply_problem(call, 404, "unknown_app", "no such app");
                return false;
            }
            want_app(l, appid);
        }
    }
    return true;
}

/* False, and replied to, when it is no id. */
static bool take_place(struct listener *l, struct http_call *call)
{
    struct slice text = http_call_header(call, "Last-Event-ID");
    if (text.n == 0)
        text = http_call_query(call, "last_event_id");
    if (text.n == 0)
        return true;
    l->has_place = event_id_parse(text, &l->place);
    if (!l->has_place)
        http_reply_problem(call, 400, "bad_event_id", "expected an id that this stream gave");
    return l->has_place;
}

/* Replies in any case; false when there is no stream. */
static bool begin(struct listener *l, struct http_call *call)
{
    if (!take_appids(l, call) || !take_place(l, call))
        return false;
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply_header(call, "X-Accel-Buffering", "no");
    l->stream = http_reply_stream(call, "text/event-stream", on_close, l);
    return l->stream != 0;
}

static void welcome(struct listener *l)
{
    struct events *e = l->owner;
    const struct event_id *place = feed_place(e->feed);
    bool starts_now = !l->has_place;
    send_text(l, SLICE_LIT(GREETING "\n"));
    if (starts_now && place)
        start_now(l, place);
    else if (place)
        feed_look(e->feed);
}

static void on_request(struct http_call *call, void *arg)
{
    struct events *e = arg;
    if (!clients_allow(e->parts.clients, call, TOKEND_SCOPE_READ, slice_of(NULL)))
        return;
    struct listener *l = xcalloc(1, sizeof *l);
    l->owner = e;
    l->key = clients_key_of_call(call);
    l->stuck_since = MONO_NEVER;
    if (!begin(l, call)) {
        listener_free(l);
        return;
    }
    if (list_empty(&e->listeners))
        loop_timer_after(e->tick, TICK_MS);
    list_push_back(&e->listeners, &l->node);
    feed_open(e->feed);
    welcome(l);
}

/* ---- life ---- */

struct events *events_new(const struct events_parts *parts)
{
    static const struct http_route routes[] = {{HTTP_GET, "/v1/events", on_request, 0, NULL}};
    struct events *e = xcalloc(1, sizeof *e);
    e->parts = *parts;
    list_init(&e->listeners);
    const struct feed_parts feed = {parts->loop,
                                    parts->subscriber,
                                    parts->fleet,
                                    parts->store,
                                    {on_found, on_told, on_behind, e}};
    e->feed = feed_new(&feed);
    e->tick = loop_timer_new(parts->loop, on_tick, e);
    e->pump = loop_timer_new(parts->loop, on_pump, e);
    http_server_routes(parts->server, routes, ARRAY_LEN(routes), e);
    return e;
}

void events_free(struct events *e)
{
    if (!e)
        return;
    LIST_FOR_EACH(it, &e->listeners)
    {
        end(LIST_ENTRY(it, struct listener, node));
    }
    feed_free(e->feed);
    loop_timer_free(e->pump);
    loop_timer_free(e->tick);
    free(e);
}
