/* The token reader, with a Redis that publishes, keeps silent, hangs and loses its data. */
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "token/reader.h"

enum { SOON_MS = 5000, LONG_MS = 600000, POLL_MS = 400 };

static const char app[] = "wx0123456789abcdef";

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct token_reader *reader;
};

static void open_reader(struct bench *b)
{
    struct redis_url u = rig_unix_url(server_socket(b->server));
    struct redis_options o = rig_options();
    b->client = redis_client_new(b->loop, &u, &o);
    b->subscriber = redis_subscriber_new(b->loop, &u, &o);
    b->reader = token_reader_new(b->loop, b->client, b->subscriber, SLICE_LIT("t"));
    token_reader_poll_every(b->reader, LONG_MS); /* so that no poll makes up for what is missing */
    redis_url_wipe(&u);
}

static struct bench bench_open(void)
{
    struct bench b = {loop_new(), server_start(NULL), NULL, NULL, NULL};
    open_reader(&b);
    return b;
}

static void bench_close(struct bench *b)
{
    token_reader_free(b->reader);
    redis_subscriber_free(b->subscriber);
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->server);
}

/* What tokend's commit leaves in Redis, without the message. */
static void put_token(struct bench *b, int64_t version, int64_t life_ms)
{
    char command[256];
    (void)snprintf(command, sizeof command,
                   "HSET t:{%s}:token access_token token-%lld version %lld mode classic", app,
                   (long long)version, (long long)version);
    server_do(b->server, command);
    (void)snprintf(command, sizeof command, "PEXPIRE t:{%s}:token %lld", app, (long long)life_ms);
    assert_string_equal(server_do(b->server, command), "1");
}

static const char *publish(struct bench *b, int64_t version)
{
    char command[256];
    (void)snprintf(command, sizeof command, "PUBLISH t:{%s}:refreshed {\"version\":%lld}", app,
                   (long long)version);
    return server_do(b->server, command);
}

/* The version that is handed out now, 0 when there is none; the token must be that version's. */
static int64_t held(struct bench *b)
{
    struct token_view view;
    char expected[64];
    if (!token_reader_get(b->reader, slice_of(app), &view))
        return 0;
    (void)snprintf(expected, sizeof expected, "token-%lld", (long long)view.version);
    assert_true(slice_is(view.access_token, expected));
    assert_true(view.remaining_ms > 0);
    return view.version;
}

static int64_t remaining(struct bench *b)
{
    struct token_view view;
    return token_reader_get(b->reader, slice_of(app), &view) ? view.remaining_ms : 0;
}

static void watch(struct bench *b)
{
    token_reader_watch(b->reader, slice_of(app));
}

static bool is_subscribed(struct bench *b)
{
    return strcmp(server_do(b->server, "PUBSUB CHANNELS"), "") != 0;
}

/* ---- loading ---- */

static void a_watched_app_is_loaded_and_its_life_is_redis_own(void **state)
{
    (void)state;
    struct bench b = bench_open();
    put_token(&b, 7, 60000);
    assert_int_equal(held(&b), 0);
    watch(&b);
    watch(&b);
    assert_int_equal(held(&b), 0);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    assert_in_range(remaining(&b), 50000, 60000);
    bench_close(&b);
}

static void a_published_refresh_arrives_at_once(void **state)
{
    (void)state;
    struct bench b = bench_open();
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7 && is_subscribed(&b));
    rig_run_for(b.loop, 50);
    put_token(&b, 8, LONG_MS);
    rig_run_for(b.loop, 50);
    assert_int_equal(held(&b), 7);
    assert_string_equal(publish(&b, 8), "1");
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 8);
    assert_true(mono_between(start, loop_now(b.loop)) < 500);
    bench_close(&b);
}

static void a_lost_message_is_made_up_for_by_the_poll(void **state)
{
    (void)state;
    struct bench b = bench_open();
    token_reader_poll_every(b.reader, POLL_MS);
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    put_token(&b, 8, LONG_MS); /* not published */
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 8);
    assert_true(mono_between(start, loop_now(b.loop)) < 2L * POLL_MS);
    bench_close(&b);
}

static void what_was_published_while_the_subscription_was_away_is_loaded(void **state)
{
    (void)state;
    struct bench b = bench_open();
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7 && is_subscribed(&b));
    rig_run_for(b.loop, 50);
    put_token(&b, 8, LONG_MS);
    server_do(b.server, "CLIENT KILL TYPE pubsub");
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 8);
    assert_true(mono_between(start, loop_now(b.loop)) < 2000);
    bench_close(&b);
}

static void a_token_that_appears_later_is_found_soon(void **state)
{
    (void)state;
    struct bench b = bench_open();
    watch(&b);
    rig_run_for(b.loop, 100);
    assert_int_equal(held(&b), 0);
    put_token(&b, 1, LONG_MS);
    RUN_UNTIL(b.loop, 1500, held(&b) == 1); /* no living token: it asks often */
    bench_close(&b);
}

static void a_hash_that_is_not_a_token_is_none(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        "HSET t:{%s}:token version 9",
        "HSET t:{%s}:token access_token token-9",
        "HSET t:{%s}:token access_token token-9 version nine",
        "HSET t:{%s}:token access_token token-9 version 9", /* without expiry: nobody knows how long
                                                             */
        "SET t:{%s}:token text",
    };
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        struct bench b = bench_open();
        char command[256];
        struct slice form = slice_of(hashes[i]);
        struct text t = text_init(command, sizeof command);
        text_add(&t, slice_cut(&form, '%'));
        text_str(&t, app);
        text_add(&t, (struct slice){form.p + 1, form.n - 1});
        server_do(b.server, command);
        if (i < 3) {
            (void)snprintf(command, sizeof command, "PEXPIRE t:{%s}:token 60000", app);
            server_do(b.server, command);
        }
        watch(&b);
        rig_run_for(b.loop, 60);
        assert_int_equal(held(&b), 0);
        bench_close(&b);
    }
}

/* ---- lives and ends ---- */

static void a_token_is_not_handed_out_past_its_end(void **state)
{
    (void)state;
    struct bench b = bench_open();
    put_token(&b, 7, 400);
    mono_ms_t born = loop_now(b.loop);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    server_pause(b.server);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 0);
    assert_in_range(mono_between(born, loop_now(b.loop)), 300, 480);
    server_resume(b.server);
    bench_close(&b);
}

static void a_token_in_memory_outlives_a_redis_that_is_away_or_empty(void **state)
{
    (void)state;
    struct bench b = bench_open();
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    server_kill(b.server);
    rig_run_for(b.loop, 300);
    assert_int_equal(held(&b), 7);
    server_restart(b.server); /* without data */
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client) && is_subscribed(&b));
    rig_run_for(b.loop, 100);
    assert_int_equal(held(&b), 7);
    put_token(&b, 8, LONG_MS);
    publish(&b, 8);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 8);
    bench_close(&b);
}

static void an_older_version_waits_until_the_newer_one_is_over(void **state)
{
    (void)state;
    struct bench b = bench_open();
    token_reader_poll_every(b.reader, POLL_MS);
    put_token(&b, 7, 700);
    mono_ms_t born = loop_now(b.loop);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7 && is_subscribed(&b));
    put_token(&b, 5, LONG_MS); /* a backup was restored */
    publish(&b, 5);
    rig_run_for(b.loop, 100);
    assert_int_equal(held(&b), 7);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) != 7);
    assert_true(mono_between(born, loop_now(b.loop)) >= 600);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 5);
    bench_close(&b);
}

/* Redis lost all, and so did every tokend: versions begin anew, and ours dies long before its end.
 */
static void an_older_version_takes_the_place_of_one_that_was_refused(void **state)
{
    (void)state;
    struct bench b = bench_open();
    token_reader_poll_every(b.reader, POLL_MS);
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    token_reader_report(b.reader, slice_of(app), 6, 40001, SLICE_LIT("x"));
    put_token(&b, 1, LONG_MS);
    rig_run_for(b.loop, 3 * POLL_MS);
    assert_int_equal(held(&b), 7);
    token_reader_report(b.reader, slice_of(app), 7, 40001, SLICE_LIT("x"));
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 1);
    bench_close(&b);
}

/* ---- waiting for a newer one ---- */

struct outcome {
    int calls;
    int64_t version; /* 0 = none came */
    struct bench *wait_again;
};

static void on_newer(const struct token_view *view, void *arg)
{
    struct outcome *o = arg;
    o->calls++;
    o->version = view ? view->version : 0;
    if (o->wait_again && o->calls < 1000000)
        token_reader_wait_newer(o->wait_again->reader, slice_of(app), 0, 100, on_newer, o);
}

static uint64_t wait_newer(struct bench *b, int64_t version, int64_t timeout_ms, struct outcome *o)
{
    return token_reader_wait_newer(b->reader, slice_of(app), version, timeout_ms, on_newer, o);
}

static void who_waits_gets_the_newer_token_even_without_a_message(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome one = {0}, two = {0}, much_newer = {0};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    wait_newer(&b, 7, SOON_MS, &one);
    wait_newer(&b, 7, SOON_MS, &two);
    wait_newer(&b, 8, 1000, &much_newer);
    rig_run_for(b.loop, 100);
    assert_int_equal(one.calls, 0);
    put_token(&b, 8, LONG_MS); /* not published */
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, one.calls && two.calls);
    assert_true(mono_between(start, loop_now(b.loop)) < 600);
    assert_int_equal(one.version, 8);
    assert_int_equal(two.version, 8);
    RUN_UNTIL(b.loop, SOON_MS, much_newer.calls);
    assert_int_equal(much_newer.version, 0);
    rig_run_for(b.loop, 50);
    assert_int_equal(one.calls + two.calls + much_newer.calls, 3);
    bench_close(&b);
}

static void
who_waits_for_what_is_there_is_called_soon_but_not_before_the_call_returned(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome o = {0};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    server_pause(b.server); /* memory is enough */
    assert_int_not_equal(wait_newer(&b, 6, SOON_MS, &o), 0);
    assert_int_equal(o.calls, 0);
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, o.calls);
    assert_true(mono_between(start, loop_now(b.loop)) < 100);
    assert_int_equal(o.version, 7);
    server_resume(b.server);
    bench_close(&b);
}

static void the_life_counts_from_when_redis_was_asked_not_from_its_answer(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome o = {0};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7 && is_subscribed(&b));
    rig_run_for(b.loop, 50);
    put_token(&b, 8, LONG_MS);
    server_pause(b.server);
    wait_newer(&b, 7, SOON_MS, &o);
    rig_turn(b.loop); /* asked */
    server_resume(b.server);
    usleep(300000); /* answered, but not heard yet */
    RUN_UNTIL(b.loop, SOON_MS, o.calls > 0);
    assert_int_equal(held(&b), 8);
    assert_in_range(remaining(&b), LONG_MS - 1000, LONG_MS - 300);
    bench_close(&b);
}

static void a_wait_ends_in_time_while_redis_hangs_or_is_away(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome hanging = {0}, away = {0};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    server_pause(b.server);
    mono_ms_t start = loop_now(b.loop);
    wait_newer(&b, 7, 150, &hanging);
    RUN_UNTIL(b.loop, SOON_MS, hanging.calls);
    assert_in_range(mono_between(start, loop_now(b.loop)), 145, 400);
    assert_int_equal(hanging.version, 0);
    server_kill(b.server);
    start = loop_now(b.loop);
    wait_newer(&b, 7, 150, &away);
    RUN_UNTIL(b.loop, SOON_MS, away.calls);
    assert_in_range(mono_between(start, loop_now(b.loop)), 145, 400);
    assert_int_equal(away.version, 0);
    assert_int_equal(held(&b), 7);
    bench_close(&b);
}

static void a_cancelled_wait_calls_nobody(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome pending = {0}, served = {0};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    uint64_t id = wait_newer(&b, 7, 100, &pending);
    token_reader_cancel(b.reader, wait_newer(&b, 6, 100, &served));
    token_reader_cancel(b.reader, id);
    token_reader_cancel(b.reader, id);
    token_reader_cancel(b.reader, 987654);
    rig_run_for(b.loop, 200);
    assert_int_equal(pending.calls + served.calls, 0);
    bench_close(&b);
}

static void waiting_again_from_the_callback_does_not_stop_the_loop(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome o = {.wait_again = &b};
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    wait_newer(&b, 0, 100, &o);
    RUN_UNTIL(b.loop, SOON_MS, o.calls > 3);
    assert_true(o.calls < 1000000);
    o.wait_again = NULL;
    bench_close(&b);
}

static void waits_of_an_app_that_is_not_watched_end_with_nothing(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct outcome never = {0}, ended = {0}, at_the_end = {0};
    wait_newer(&b, 0, LONG_MS, &never);
    RUN_UNTIL(b.loop, SOON_MS, never.calls);
    assert_int_equal(never.version, 0);
    watch(&b);
    wait_newer(&b, 0, LONG_MS, &ended);
    token_reader_unwatch(b.reader, slice_of(app));
    token_reader_unwatch(b.reader, slice_of(app));
    assert_int_equal(ended.calls, 0);
    RUN_UNTIL(b.loop, SOON_MS, ended.calls);
    assert_int_equal(ended.version, 0);
    RUN_UNTIL(b.loop, SOON_MS, !is_subscribed(&b));
    put_token(&b, 7, LONG_MS);
    watch(&b);
    RUN_UNTIL(b.loop, SOON_MS, held(&b) == 7);
    wait_newer(&b, 7, LONG_MS, &at_the_end);
    token_reader_free(b.reader);
    b.reader = NULL;
    assert_int_equal(at_the_end.calls, 1);
    assert_int_equal(at_the_end.version, 0);
    bench_close(&b);
}

/* ---- reports ---- */

static const char *reports(struct bench *b, const char *verb, const char *rest)
{
    char command[128];
    (void)snprintf(command, sizeof command, "%s t:{%s}:reports%s", verb, app, rest);
    return server_do(b->server, command);
}

static void a_report_names_version_errcode_and_program_once_a_second(void **state)
{
    (void)state;
    struct bench b = bench_open();
    watch(&b);
    token_reader_report(b.reader, slice_of(app), 12, 40001, SLICE_LIT("loginsvc@host"));
    RUN_UNTIL(b.loop, SOON_MS, strcmp(reports(&b, "XLEN", ""), "1") == 0);
    assert_non_null(
        strstr(reports(&b, "XRANGE", " - +"), " version 12 errcode 40001 by loginsvc@host"));
    token_reader_report(b.reader, slice_of(app), 12, 40001, SLICE_LIT("x"));
    token_reader_report(b.reader, slice_of(app), 13, 42001, SLICE_LIT("y"));
    RUN_UNTIL(b.loop, SOON_MS, strcmp(reports(&b, "XLEN", ""), "2") == 0);
    assert_non_null(strstr(reports(&b, "XREVRANGE", " + - COUNT 1"), "version 13 errcode 42001"));
    rig_run_for(b.loop, 1050);
    token_reader_report(b.reader, slice_of(app), 13, 42001, SLICE_LIT("y"));
    RUN_UNTIL(b.loop, SOON_MS, strcmp(reports(&b, "XLEN", ""), "3") == 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watched_app_is_loaded_and_its_life_is_redis_own),
        cmocka_unit_test(a_published_refresh_arrives_at_once),
        cmocka_unit_test(a_lost_message_is_made_up_for_by_the_poll),
        cmocka_unit_test(what_was_published_while_the_subscription_was_away_is_loaded),
        cmocka_unit_test(a_token_that_appears_later_is_found_soon),
        cmocka_unit_test(a_hash_that_is_not_a_token_is_none),
        cmocka_unit_test(a_token_is_not_handed_out_past_its_end),
        cmocka_unit_test(the_life_counts_from_when_redis_was_asked_not_from_its_answer),
        cmocka_unit_test(a_token_in_memory_outlives_a_redis_that_is_away_or_empty),
        cmocka_unit_test(an_older_version_waits_until_the_newer_one_is_over),
        cmocka_unit_test(an_older_version_takes_the_place_of_one_that_was_refused),
        cmocka_unit_test(who_waits_gets_the_newer_token_even_without_a_message),
        cmocka_unit_test(
            who_waits_for_what_is_there_is_called_soon_but_not_before_the_call_returned),
        cmocka_unit_test(a_wait_ends_in_time_while_redis_hangs_or_is_away),
        cmocka_unit_test(a_cancelled_wait_calls_nobody),
        cmocka_unit_test(waiting_again_from_the_callback_does_not_stop_the_loop),
        cmocka_unit_test(waits_of_an_app_that_is_not_watched_end_with_nothing),
        cmocka_unit_test(a_report_names_version_errcode_and_program_once_a_second),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
