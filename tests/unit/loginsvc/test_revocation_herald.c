/* session_watch: what is told reaches who listens, or "look into the database" does. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#include "loginsvc/sessions/revocation_herald.h"
#include "loginsvc/sessions/revocation_news.h"
#include "redis/subscriber.h"
#include "server.h"

enum { SOON_MS = 5000 };

/* ---- who listens ---- */

struct ear {
    int lives, messages, looks;
    char last[64];
};

static void on_message(struct slice channel, struct slice message, void *arg)
{
    struct ear *ear = arg;
    (void)channel;
    ear->messages++;
    ear->looks += slice_is(message, REVOCATION_NEWS_LOOK);
    assert_true(slice_copy(message, ear->last, sizeof ear->last));
}

static void on_live(void *arg)
{
    struct ear *ear = arg;
    ear->lives++;
}

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct revocation_herald *herald;
};

/* The herald comes as user "app", the ear as the default user. */
static struct bench bench_open(const char *config, struct ear *ear)
{
    static const struct redis_listener listener = {on_message, on_live};
    struct bench b = {loop_new(), server_start(config), NULL, NULL, NULL};
    char text[256];
    snprintf(text, sizeof text, "unix://app:pw@%s", server_socket(b.server));
    struct redis_url app = rig_url(text), url = rig_unix_url(server_socket(b.server));
    struct redis_options o = rig_options();
    b.client = redis_client_new(b.loop, &app, &o);
    b.subscriber = redis_subscriber_new(b.loop, &url, &o);
    redis_url_wipe(&app);
    redis_url_wipe(&url);
    redis_subscribe(b.subscriber, REDIS_CHANNEL, SLICE_LIT("news"), &listener, ear);
    b.herald = revocation_herald_new(b.loop, b.client, "news");
    RUN_UNTIL(b.loop, SOON_MS, ear->lives > 0 && redis_client_ready(b.client));
    return b;
}

static void bench_close(struct bench *b)
{
    revocation_herald_free(b->herald);
    redis_subscriber_free(b->subscriber);
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->server);
}

#define MAY_PUBLISH     "user app on >pw ~* &* +@all\n"
#define MAY_NOT_PUBLISH "user app on >pw ~* resetchannels +@all\n"

static void what_is_told_is_heard_once(void **state)
{
    (void)state;
    struct ear ear = {0};
    struct bench b = bench_open(MAY_PUBLISH, &ear);
    revocation_herald_tell(b.herald, "hello");
    RUN_UNTIL(b.loop, SOON_MS, revocation_herald_stats(b.herald).told == 1 && ear.messages == 1);
    assert_string_equal(ear.last, "hello");
    rig_run_for(b.loop, 700);
    assert_int_equal(ear.messages, 1);
    bench_close(&b);
}

static void what_redis_refused_is_made_good_by_a_look(void **state)
{
    (void)state;
    struct ear ear = {0};
    struct bench b = bench_open(MAY_NOT_PUBLISH, &ear);
    for (int i = 0; i < 5; i++)
        revocation_herald_tell(b.herald, "hello");
    RUN_UNTIL(b.loop, SOON_MS, revocation_herald_stats(b.herald).failed >= 5);
    assert_string_equal(server_do(b.server, "ACL SETUSER app allchannels"), "OK");
    RUN_UNTIL(b.loop, SOON_MS, ear.looks == 1);
    rig_run_for(b.loop, 700);
    assert_int_equal(ear.messages, 1); /* one look for all five, and then no more */
    bench_close(&b);
}

static void what_was_told_when_the_connection_broke_is_made_good(void **state)
{
    (void)state;
    struct ear ear = {0};
    struct bench b = bench_open(MAY_PUBLISH, &ear);
    server_pause(b.server);
    revocation_herald_tell(b.herald, "hello"); /* sent, and never answered */
    RUN_UNTIL(b.loop, SOON_MS, revocation_herald_stats(b.herald).failed == 1);
    server_resume(b.server);
    RUN_UNTIL(b.loop, SOON_MS, revocation_herald_stats(b.herald).told >= 1);
    bench_close(&b);
}

static void a_flood_is_cut_short_by_a_look(void **state)
{
    (void)state;
    struct ear ear = {0};
    struct bench b = bench_open(MAY_PUBLISH, &ear);
    for (int i = 0; i < 1000; i++)
        revocation_herald_tell(b.herald, "hello");
    RUN_UNTIL(b.loop, SOON_MS, ear.looks == 1);
    assert_int_equal(ear.messages, 64 + 1);
    bench_close(&b);
}

static void it_may_go_while_messages_are_under_way(void **state)
{
    (void)state;
    struct ear ear = {0};
    struct bench b = bench_open(MAY_PUBLISH, &ear);
    revocation_herald_tell(b.herald, "hello");
    bench_close(&b); /* the sanitizer would see a call to one that is gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_heard_once),
        cmocka_unit_test(what_redis_refused_is_made_good_by_a_look),
        cmocka_unit_test(what_was_told_when_the_connection_broke_is_made_good),
        cmocka_unit_test(a_flood_is_cut_short_by_a_look),
        cmocka_unit_test(it_may_go_while_messages_are_under_way),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
