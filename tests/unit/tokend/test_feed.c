/* The feed of events, on a real Redis, with apps that others lead. */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_port.h"
#include "http/client.h"
#include "tokend/api/feed.h"

enum { PATIENCE_MS = 10000, HEARD_MAX = 4000 };

/* Somebody who hears all that a feed tells. */
struct newsroom {
    struct desk *desk;
    struct http_client *http;
    struct http_hosts *hosts;
    struct wechat_client *wechat;
    struct fleet *fleet;
    struct feed *feed;
    bool found;
    struct event_id heard[HEARD_MAX];
    bool late[HEARD_MAX];
    char last_text[512];
    size_t n;
    bool has_wish; /* to be told what is behind `told` */
    struct event_id told;
};

static void on_found(void *arg)
{
    ((struct newsroom *)arg)->found = true;
}

/* As one who is to hear each event once: what begins behind what it was told is not for it yet. */
static void on_told(const struct feed_news *news, void *arg)
{
    struct newsroom *r = arg;
    assert_true(event_id_compare(&news->after, &news->upto) <= 0);
    if (r->has_wish && event_id_compare(&news->after, &r->told) > 0)
        return;
    assert_true(news->n <= FEED_NEWS_MAX);
    for (size_t i = 0; i < news->n; i++) {
        const struct page_event *event = news->list[i];
        bool late = event_id_compare(&event->id, &news->after) <= 0;
        if (r->has_wish && !late && event_id_compare(&event->id, &r->told) <= 0)
            continue;
        assert_true(r->n < HEARD_MAX);
        r->late[r->n] = late;
        r->heard[r->n++] = event->id;
        assert_true(
            slice_copy((struct slice){event->text, event->n}, r->last_text, sizeof r->last_text));
    }
    if (r->has_wish && event_id_compare(&news->upto, &r->told) > 0)
        r->told = news->upto;
}

static bool on_behind(struct event_id *least, void *arg)
{
    struct newsroom *r = arg;
    *least = r->told;
    return r->has_wish && event_id_compare(&r->told, feed_place(r->feed)) < 0;
}

static void set_apps(struct newsroom *r, int n)
{
    struct fleet_entry *entries = xcalloc((size_t)n, sizeof *entries);
    char(*ids)[16] = xcalloc((size_t)n, sizeof *ids);
    struct secret secret = {0};
    secret_set(&secret, SLICE_LIT("hunter2"));
    for (int i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "wx%d", i + 1);
        entries[i] = (struct fleet_entry){
            ids[i], &secret, {.observe_interval_ms = 60000, .call_timeout_ms = 1000}};
    }
    fleet_set(r->fleet, entries, (size_t)n);
    secret_wipe(&secret);
    free(ids);
    free(entries);
}

static void open_fleet(struct newsroom *r, int apps)
{
    const struct http_client_options options = {.connect_timeout_ms = 500};
    struct err e;
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%d", free_port());
    r->http = http_client_new(r->desk->loop, &options, &e);
    r->hosts = http_hosts_parse(slice_of(base), &e);
    assert_true(r->http && r->hosts);
    r->wechat = wechat_client_new(r->desk->loop, r->http, r->hosts, 1000);
    const struct fleet_parts parts = {.loop = r->desk->loop,
                                      .store = &r->desk->store,
                                      .subscriber = r->desk->subscriber,
                                      .wechat = r->wechat,
                                      .fetches = {.at_once = 1}};
    r->fleet = fleet_new(&parts);
    set_apps(r, apps);
}

static struct newsroom *newsroom_new(int apps, const char *prefix)
{
    struct newsroom *r = xcalloc(1, sizeof *r);
    char command[64];
    r->desk = desk_open();
    r->desk->store.prefix = prefix;
    (void)snprintf(command, sizeof command, "SET %s:leader another PX 600000", prefix);
    server_do(r->desk->server, command);
    open_fleet(r, apps);
    const struct feed_parts parts = {r->desk->loop,
                                     r->desk->subscriber,
                                     r->fleet,
                                     &r->desk->store,
                                     {on_found, on_told, on_behind, r}};
    r->feed = feed_new(&parts);
    return r;
}

static bool hears(struct newsroom *r)
{
    return r->found && strcmp(server_do(r->desk->server, "PUBSUB NUMPAT"), "1") == 0;
}

static bool hears_marks(struct newsroom *r)
{
    const char *found = server_do(r->desk->server, "PUBSUB NUMSUB " DESK_PREFIX ":events:mark");
    return strcmp(found, DESK_PREFIX ":events:mark 1") == 0;
}

static struct newsroom *newsroom_open(int apps, const char *prefix)
{
    struct newsroom *r = newsroom_new(apps, prefix);
    assert_null(feed_place(r->feed));
    feed_open(r->feed);
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r));
    assert_non_null(feed_place(r->feed));
    return r;
}

static void newsroom_close(struct newsroom *r)
{
    feed_free(r->feed);
    fleet_free(r->fleet);
    wechat_client_free(r->wechat);
    http_client_free(r->http);
    http_hosts_unref(r->hosts);
    desk_close(r->desk);
    free(r);
}

/* ---- things that happen ---- */

/* Adds an event with that stream id ("*": now) and returns its stream id; publishes it in the same
 * moment, or not at all. */
static const char *add(struct newsroom *r, int app, const char *entry, bool publish)
{
    static char id[64];
    char command[512];
    (void)snprintf(
        command, sizeof command,
        "EVAL local\tid=redis.call('XADD',KEYS[1],ARGV[1],'event','reported','version','7')%s"
        "return(id) 1 %s:{wx%d}:events %s",
        publish ? "redis.call('PUBLISH',KEYS[1],id)" : "\t", r->desk->store.prefix, app, entry);
    (void)snprintf(id, sizeof id, "%s", server_do(r->desk->server, command));
    return id;
}

static void happen(struct newsroom *r, int app)
{
    (void)add(r, app, "*", true);
}

#define HEARD(r, count) RUN_UNTIL((r)->desk->loop, PATIENCE_MS, (r)->n >= (count))

static void assert_in_order(const struct newsroom *r)
{
    for (size_t i = 1; i < r->n; i++)
        assert_true(event_id_compare(&r->heard[i - 1], &r->heard[i]) < 0);
}

/* ---- news ---- */

static void an_event_is_told_once_with_its_id_and_its_fields(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    char expected[256], id[EVENT_ID_SIZE];
    (void)state;
    const char *entry = add(r, 2, "*", true);
    HEARD(r, 1);
    event_id_format(&r->heard[0], id);
    (void)snprintf(expected, sizeof expected, "%s:wx2", entry);
    assert_string_equal(id, expected);
    (void)snprintf(expected, sizeof expected,
                   "event: reported\ndata: {\"id\":\"%s\",\"at\":%.13s,\"event\":\"reported\","
                   "\"version\":7,\"appid\":\"wx2\"}\n\n",
                   entry, entry);
    assert_string_equal(r->last_text, expected);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 1);
    assert_false(r->late[0]);
    newsroom_close(r);
}

static void what_tokend_itself_notes_is_told(void **state)
{
    struct newsroom *r = newsroom_open(1, DESK_PREFIX);
    const struct refresh_action read = {.kind = REFRESH_DO_READ, .epoch = 9};
    (void)state;
    store_add_event(&r->desk->store, DESK_APPID, "flapped", 3, 40001, SLICE_LIT("one"));
    HEARD(r, 1);
    assert_non_null(strstr(r->last_text, "event: flapped\n"));
    assert_non_null(strstr(r->last_text, "\"version\":3,\"errcode\":40001,\"by\":\"one\""));
    assert_int_equal(desk_run(r->desk, &read)->store, REFRESH_STORE_OK);
    HEARD(r, 2);
    assert_non_null(strstr(r->last_text, "event: leader\n"));
    newsroom_close(r);
}

/* With one id, in one script: between two commands of it Redis's clock may go on. The later app
 * comes first. */
static void events_of_one_millisecond_are_told_in_the_order_of_the_apps(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    server_do(r->desk->server, "EVAL local\tid=redis.call('XADD',KEYS[2],'*','event','b')"
                               "redis.call('XADD',KEYS[1],id,'event','a')"
                               "redis.call('PUBLISH',KEYS[2],id)redis.call('PUBLISH',KEYS[1],id) 2 "
                               "t:{wx1}:events t:{wx2}:events");
    HEARD(r, 2);
    assert_string_equal(r->heard[0].appid, "wx1");
    assert_string_equal(r->heard[1].appid, "wx2");
    assert_int_equal(stream_id_compare(r->heard[0].entry, r->heard[1].entry), 0);
    newsroom_close(r);
}

static void many_events_of_many_apps_are_told_in_one_order(void **state)
{
    enum { APPS = 150, EVENTS = 600 };
    struct newsroom *r = newsroom_open(APPS, DESK_PREFIX);
    (void)state;
    for (int i = 0; i < EVENTS; i++) {
        happen(r, 1 + i * 7 % APPS);
        if (i % 50 == 0)
            rig_turn(r->desk->loop);
    }
    HEARD(r, EVENTS);
    assert_int_equal(r->n, EVENTS);
    assert_in_order(r);
    newsroom_close(r);
}

static void what_is_no_app_of_ours_is_not_told(void **state)
{
    struct newsroom *r = newsroom_open(1, DESK_PREFIX);
    (void)state;
    happen(r, 2);
    server_do(r->desk->server, "PUBLISH t:{}:events 1-0");
    server_do(r->desk->server, "PUBLISH t:{wx1}:events rubbish");
    server_do(r->desk->server, "PUBLISH t:events:mark rubbish");
    happen(r, 1);
    HEARD(r, 1);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 1);
    assert_string_equal(r->heard[0].appid, "wx1");
    newsroom_close(r);
}

static void a_key_that_is_no_stream_hides_no_other(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    server_do(r->desk->server, "SET t:{wx1}:events rubbish");
    server_do(r->desk->server, "PUBLISH t:{wx1}:events 9999999999999-0");
    happen(r, 2);
    HEARD(r, 1);
    assert_string_equal(r->heard[0].appid, "wx2");
    newsroom_close(r);
}

static void a_prefix_is_taken_literally_though_it_looks_like_a_glob(void **state)
{
    struct newsroom *r = newsroom_open(1, "a*[b]?\\c^");
    (void)state;
    server_do(r->desk->server, "XADD aXb?c:{wx1}:events * event reported");
    server_do(r->desk->server, "PUBLISH aXb?c:{wx1}:events 1-0");
    happen(r, 1);
    HEARD(r, 1);
    newsroom_close(r);
}

/* ---- what was missed ---- */

static void an_entry_that_nobody_published_comes_with_the_next_one(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    (void)add(r, 1, "*", false);
    happen(r, 1);
    HEARD(r, 2);
    assert_in_order(r);
    newsroom_close(r);
}

static void what_was_published_while_nobody_could_hear_is_made_up_for(void **state)
{
    struct newsroom *r = newsroom_open(150, DESK_PREFIX);
    (void)state;
    happen(r, 1);
    HEARD(r, 1);
    for (int app = 150; app > 0; app--)
        (void)add(r, app, "*", false);
    server_do(r->desk->server, "CLIENT KILL TYPE pubsub");
    HEARD(r, 151);
    happen(r, 2);
    HEARD(r, 152);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 152);
    assert_in_order(r);
    newsroom_close(r);
}

/* The first mark is one of another tokend, whose moment the script chooses: those of its own go
 * elsewhere until then. */
static void what_was_missed_in_the_millisecond_of_the_first_mark_is_made_up_for(void **state)
{
    struct newsroom *r = newsroom_open(1, DESK_PREFIX);
    (void)state;
    happen(r, 1);
    HEARD(r, 1);
    rig_run_for(r->desk->loop, 50);
    r->desk->store.prefix = "elsewhere";
    server_do(r->desk->server, "CLIENT KILL TYPE pubsub");
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r) && hears_marks(r));
    rig_run_for(r->desk->loop, 50);
    r->desk->store.prefix = DESK_PREFIX;
    server_do(
        r->desk->server,
        "EVAL local\tt=redis.call('TIME')"
        "local\tnow=string.format('%d',t[1]*1000+math.floor(t[2]/1000))"
        "redis.call('XADD',KEYS[1],now..'-0','event','reported')redis.call('PUBLISH',KEYS[2],now) "
        "2 t:{wx1}:events t:events:mark");
    HEARD(r, 2);
    newsroom_close(r);
}

static void a_redis_that_comes_back_empty_is_heard_again(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    happen(r, 1);
    HEARD(r, 1);
    server_restart(r->desk->server);
    server_do(r->desk->server, "SET " DESK_PREFIX ":leader another PX 600000");
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r));
    happen(r, 2);
    HEARD(r, 2);
    assert_in_order(r);
    newsroom_close(r);
}

static void a_clock_that_was_set_back_loses_no_event(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    char ahead[64];
    (void)state;
    (void)snprintf(ahead, sizeof ahead, "%lld-0", (long long)desk_now(r->desk) + 3600000);
    (void)add(r, 1, ahead, true);
    HEARD(r, 1);
    assert_false(r->late[0]);
    happen(r, 2); /* an hour earlier by its id */
    HEARD(r, 2);
    assert_string_equal(r->heard[1].appid, "wx2");
    assert_true(r->late[1]);
    happen(r, 1);
    HEARD(r, 3);
    assert_false(r->late[2]);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 3);
    newsroom_close(r);
}

/* ---- the past ---- */

static void wish(struct newsroom *r, const char *id)
{
    r->has_wish = true;
    assert_true(event_id_parse(slice_of(id), &r->told));
}

static void tell_past_of(int apps, size_t events)
{
    struct newsroom *r = newsroom_new(apps, DESK_PREFIX);
    for (size_t i = 0; i < events; i++)
        (void)add(r, 1 + (int)i % apps, "*", false);
    wish(r, "0-0:");
    feed_open(r->feed);
    HEARD(r, events);
    happen(r, 3);
    HEARD(r, events + 1);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, events + 1);
    assert_in_order(r);
    assert_int_equal(event_id_compare(&r->told, feed_place(r->feed)), 0);
    newsroom_close(r);
}

static void the_past_of_many_apps_is_told_and_then_the_news(void **state)
{
    (void)state;
    tell_past_of(150, 700);
}

static void more_of_an_app_than_is_read_at_a_time_is_told_and_then_the_news(void **state)
{
    (void)state;
    tell_past_of(3, PAGE_EVENTS + 300);
}

static void the_past_begins_right_behind_what_was_told(void **state)
{
    struct newsroom *r = newsroom_new(3, DESK_PREFIX);
    (void)state;
    for (int app = 1; app <= 3; app++) {
        (void)add(r, app, "5-0", false);
        (void)add(r, app, "5-1", false);
    }
    wish(r, "5-0:wx2");
    feed_open(r->feed);
    HEARD(r, 4);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 4);
    assert_string_equal(r->heard[0].appid, "wx3");
    assert_in_order(r);
    newsroom_close(r);
}

static void what_happens_while_the_past_is_told_comes_once(void **state)
{
    enum { BEFORE = 400, AFTER = 200 };
    struct newsroom *r = newsroom_new(5, DESK_PREFIX);
    (void)state;
    for (int i = 0; i < BEFORE; i++)
        (void)add(r, 1 + i % 5, "*", false);
    rig_run_for(r->desk->loop, 10); /* their last millisecond is over: none of them is news */
    feed_open(r->feed);
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r));
    wish(r, "0-0:");
    feed_look(r->feed);
    for (int i = 0; i < AFTER; i++) {
        happen(r, 1 + i % 5);
        rig_turn(r->desk->loop);
    }
    HEARD(r, BEFORE + AFTER);
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, event_id_compare(&r->told, feed_place(r->feed)) >= 0);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, BEFORE + AFTER);
    newsroom_close(r);
}

/* ---- closed ---- */

static void a_feed_that_is_closed_costs_nothing(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    happen(r, 1);
    feed_close(r->feed);
    feed_close(r->feed);
    assert_null(feed_place(r->feed));
    RUN_UNTIL(r->desk->loop, PATIENCE_MS,
              strcmp(server_do(r->desk->server, "PUBSUB NUMPAT"), "0") == 0);
    assert_null(strstr(server_do(r->desk->server, "PUBSUB CHANNELS"), "events"));
    happen(r, 1);
    rig_run_for(r->desk->loop, 50);
    assert_int_equal(r->n, 0);
    newsroom_close(r);
}

static void a_feed_that_is_opened_again_begins_then(void **state)
{
    struct newsroom *r = newsroom_open(2, DESK_PREFIX);
    (void)state;
    feed_close(r->feed);
    happen(r, 1);
    rig_run_for(r->desk->loop, 10); /* the millisecond of that event is over */
    r->found = false;
    feed_open(r->feed);
    feed_open(r->feed);
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r));
    happen(r, 2);
    HEARD(r, 1);
    assert_string_equal(r->heard[0].appid, "wx2");
    newsroom_close(r);
}

static void a_feed_that_is_opened_while_redis_is_away_waits_for_it(void **state)
{
    struct newsroom *r = newsroom_new(1, DESK_PREFIX);
    (void)state;
    server_kill(r->desk->server);
    feed_open(r->feed);
    rig_run_for(r->desk->loop, 100);
    assert_null(feed_place(r->feed));
    server_restart(r->desk->server);
    server_do(r->desk->server, "SET " DESK_PREFIX ":leader another PX 600000");
    RUN_UNTIL(r->desk->loop, PATIENCE_MS, hears(r));
    happen(r, 1);
    HEARD(r, 1);
    newsroom_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_told_once_with_its_id_and_its_fields),
        cmocka_unit_test(what_tokend_itself_notes_is_told),
        cmocka_unit_test(events_of_one_millisecond_are_told_in_the_order_of_the_apps),
        cmocka_unit_test(many_events_of_many_apps_are_told_in_one_order),
        cmocka_unit_test(what_is_no_app_of_ours_is_not_told),
        cmocka_unit_test(a_key_that_is_no_stream_hides_no_other),
        cmocka_unit_test(a_prefix_is_taken_literally_though_it_looks_like_a_glob),
        cmocka_unit_test(an_entry_that_nobody_published_comes_with_the_next_one),
        cmocka_unit_test(what_was_published_while_nobody_could_hear_is_made_up_for),
        cmocka_unit_test(what_was_missed_in_the_millisecond_of_the_first_mark_is_made_up_for),
        cmocka_unit_test(a_redis_that_comes_back_empty_is_heard_again),
        cmocka_unit_test(a_clock_that_was_set_back_loses_no_event),
        cmocka_unit_test(the_past_of_many_apps_is_told_and_then_the_news),
        cmocka_unit_test(more_of_an_app_than_is_read_at_a_time_is_told_and_then_the_news),
        cmocka_unit_test(the_past_begins_right_behind_what_was_told),
        cmocka_unit_test(what_happens_while_the_past_is_told_comes_once),
        cmocka_unit_test(a_feed_that_is_closed_costs_nothing),
        cmocka_unit_test(a_feed_that_is_opened_again_begins_then),
        cmocka_unit_test(a_feed_that_is_opened_while_redis_is_away_waits_for_it),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
