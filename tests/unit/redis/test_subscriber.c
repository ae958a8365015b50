/* The subscriber, with a Redis that comes and goes. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#include "redis/subscriber.h"
#include "server.h"

enum { SOON_MS = 5000 };

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_subscriber *sub;
};

/* What one listener heard. */
struct ear {
    int messages, lives;
    char channel[64], payload[64];
    struct redis_subscription *drop; /* unsubscribed at the next message */
};

static void on_message(struct slice channel, struct slice payload, void *arg)
{
    struct ear *ear = arg;
    ear->messages++;
    assert_true(slice_copy(channel, ear->channel, sizeof ear->channel));
    assert_true(slice_copy(payload, ear->payload, sizeof ear->payload));
    redis_unsubscribe(ear->drop);
    ear->drop = NULL;
}

static void on_live(void *arg)
{
    struct ear *ear = arg;
    ear->lives++;
}

static const struct redis_listener listener = {on_message, on_live};

static struct redis_subscriber *new_subscriber(struct loop *l, const char *userinfo,
                                               const char *path)
{
    char text[256];
    (void)snprintf(text, sizeof text, "unix://%s%s", userinfo, path);
    struct redis_url u = rig_url(text);
    struct redis_options o = rig_options();
    struct redis_subscriber *s = redis_subscriber_new(l, &u, &o);
    redis_url_wipe(&u);
    return s;
}

static struct bench bench_open(const char *config)
{
    struct bench b = {loop_new(), server_start(config), NULL};
    b.sub = new_subscriber(b.loop, "", server_socket(b.server));
    return b;
}

static void bench_close(struct bench *b)
{
    redis_subscriber_free(b->sub);
    loop_free(b->loop);
    server_free(b->server);
}

static struct redis_subscription *hear(struct bench *b, const char *name, struct ear *ear)
{
    return redis_subscribe(b->sub, REDIS_CHANNEL, slice_of(name), &listener, ear);
}

static void a_message_reaches_each_listener_of_its_channel(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear one = {0}, two = {0}, other = {0};
    hear(&b, "news", &one);
    hear(&b, "news", &two);
    hear(&b, "other", &other);
    assert_int_equal(one.lives, 0);
    RUN_UNTIL(b.loop, SOON_MS, one.lives && two.lives && other.lives);
    assert_string_equal(server_do(b.server, "PUBLISH news hello"), "1");
    RUN_UNTIL(b.loop, SOON_MS, one.messages && two.messages);
    assert_string_equal(one.channel, "news");
    assert_string_equal(one.payload, "hello");
    assert_string_equal(two.payload, "hello");
    rig_run_for(b.loop, 20);
    assert_int_equal(one.messages, 1);
    assert_int_equal(one.lives, 1);
    assert_int_equal(other.messages, 0);
    bench_close(&b);
}

static void an_empty_message_is_a_message(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear ear = {0};
    hear(&b, "news", &ear);
    RUN_UNTIL(b.loop, SOON_MS, ear.lives);
    server_do(b.server, "PUBLISH news ");
    RUN_UNTIL(b.loop, SOON_MS, ear.messages);
    assert_string_equal(ear.payload, "");
    bench_close(&b);
}

static void a_pattern_hears_every_channel_it_matches(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear pattern = {0}, exact = {0};
    redis_subscribe(b.sub, REDIS_PATTERN, SLICE_LIT("a:*:z"), &listener, &pattern);
    hear(&b, "a:*:z", &exact); /* the same name, but not a pattern */
    RUN_UNTIL(b.loop, SOON_MS, pattern.lives && exact.lives);
    server_do(b.server, "PUBLISH a:1:z one");
    RUN_UNTIL(b.loop, SOON_MS, pattern.messages);
    assert_string_equal(pattern.channel, "a:1:z");
    assert_string_equal(pattern.payload, "one");
    assert_int_equal(exact.messages, 0);
    bench_close(&b);
}

static void who_comes_later_is_told_when_messages_arrive_for_him_too(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear early = {0}, late = {0};
    struct redis_subscription *first = hear(&b, "news", &early);
    RUN_UNTIL(b.loop, SOON_MS, early.lives);
    struct redis_subscription *second = hear(&b, "news", &late);
    assert_int_equal(late.lives, 0);
    assert_false(redis_subscription_live(second));
    assert_true(redis_subscription_live(first));
    RUN_UNTIL(b.loop, SOON_MS, late.lives);
    assert_true(redis_subscription_live(second));
    assert_int_equal(early.lives, 1);
    bench_close(&b);
}

static void a_listener_may_leave_and_let_others_leave_while_it_is_called(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear one = {0}, two = {0}, three = {0};
    one.drop = hear(&b, "news", &one);
    hear(&b, "news", &two);
    two.drop = hear(&b, "news", &three);
    RUN_UNTIL(b.loop, SOON_MS, three.lives);
    server_do(b.server, "PUBLISH news x");
    RUN_UNTIL(b.loop, SOON_MS, two.messages);
    assert_int_equal(one.messages, 1);
    assert_int_equal(three.messages, 0);
    server_do(b.server, "PUBLISH news y");
    RUN_UNTIL(b.loop, SOON_MS, two.messages == 2);
    assert_int_equal(one.messages, 1);
    assert_int_equal(three.messages, 0);
    bench_close(&b);
}

static void the_last_one_to_leave_ends_the_subscription_at_the_server(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear one = {0}, two = {0}, again = {0};
    struct redis_subscription *first = hear(&b, "news", &one);
    struct redis_subscription *second = hear(&b, "news", &two);
    RUN_UNTIL(b.loop, SOON_MS, one.lives && two.lives);
    redis_unsubscribe(first);
    rig_run_for(b.loop, 20);
    assert_string_equal(server_do(b.server, "PUBLISH news x"), "1");
    redis_unsubscribe(second);
    RUN_UNTIL(b.loop, SOON_MS, strcmp(server_do(b.server, "PUBSUB CHANNELS"), "") == 0);
    hear(&b, "news", &again);
    RUN_UNTIL(b.loop, SOON_MS, again.lives);
    assert_string_equal(server_do(b.server, "PUBLISH news x"), "1");
    RUN_UNTIL(b.loop, SOON_MS, again.messages);
    bench_close(&b);
}

static void a_name_left_and_taken_again_at_once_is_live_only_by_its_own_confirmation(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear warm = {0}, before = {0}, after = {0};
    hear(&b, "warm", &warm);
    RUN_UNTIL(b.loop, SOON_MS, warm.lives);
    redis_unsubscribe(hear(&b, "news", &before));
    struct redis_subscription *sub = hear(&b, "news", &after);
    RUN_UNTIL(b.loop, SOON_MS, after.lives);
    assert_true(redis_subscription_live(sub));
    assert_int_equal(before.lives, 0);
    rig_run_for(b.loop, 20);
    assert_int_equal(after.lives, 1);
    assert_string_equal(server_do(b.server, "PUBLISH news x"), "1");
    RUN_UNTIL(b.loop, SOON_MS, after.messages);
    bench_close(&b);
}

static void the_confirmation_of_an_earlier_subscribe_is_not_taken_for_its_own(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {
        {"+PONG\r\n", false},
        {"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n", false},
        {"*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n"
         "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
         false}, /* to the PING of an idle connection */
    };
    struct loop *l = loop_new();
    struct fake *f = fake_start(l, answers, ARRAY_LEN(answers));
    struct redis_subscriber *s = new_subscriber(l, "", fake_socket(f));
    struct ear before = {0}, after = {0};
    RUN_UNTIL(l, SOON_MS, redis_subscriber_ready(s));
    redis_unsubscribe(redis_subscribe(s, REDIS_CHANNEL, SLICE_LIT("news"), &listener, &before));
    redis_subscribe(s, REDIS_CHANNEL, SLICE_LIT("news"), &listener, &after);
    rig_run_for(l, rig_options().silence_ms / 4);
    assert_int_equal(after.lives, 0);
    RUN_UNTIL(l, SOON_MS, after.lives == 1);
    assert_int_equal(before.lives, 0);
    redis_subscriber_free(s);
    fake_free(f);
    loop_free(l);
}

static void a_restart_brings_every_channel_back_and_says_so(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear kept = {0}, left = {0}, meanwhile = {0}, pattern = {0};
    struct redis_subscription *sub = hear(&b, "news", &kept);
    struct redis_subscription *gone = hear(&b, "gone", &left);
    redis_subscribe(b.sub, REDIS_PATTERN, SLICE_LIT("n*s"), &listener, &pattern);
    RUN_UNTIL(b.loop, SOON_MS, kept.lives && left.lives && pattern.lives);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, !redis_subscriber_ready(b.sub));
    assert_false(redis_subscription_live(sub));
    redis_unsubscribe(gone);
    hear(&b, "meanwhile", &meanwhile);
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, kept.lives == 2 && meanwhile.lives == 1 && pattern.lives == 2);
    server_do(b.server, "PUBLISH news back");
    RUN_UNTIL(b.loop, SOON_MS, kept.messages && pattern.messages);
    assert_string_equal(kept.payload, "back");
    assert_string_equal(server_do(b.server, "PUBLISH gone x"), "0");
    bench_close(&b);
}

static void an_idle_subscription_stays_and_a_silent_server_is_left(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ear ear = {0};
    hear(&b, "news", &ear);
    RUN_UNTIL(b.loop, SOON_MS, ear.lives);
    rig_run_for(b.loop, 3 * rig_options().silence_ms);
    assert_int_equal(ear.lives, 1);
    server_pause(b.server);
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, !redis_subscriber_ready(b.sub));
    assert_in_range(mono_between(start, loop_now(b.loop)), 100, rig_options().silence_ms + 200);
    server_resume(b.server);
    RUN_UNTIL(b.loop, SOON_MS, ear.lives == 2);
    bench_close(&b);
}

static void a_connection_without_channels_is_kept_too(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    RUN_UNTIL(b.loop, SOON_MS, redis_subscriber_ready(b.sub));
    rig_run_for(b.loop, 2 * rig_options().silence_ms);
    assert_true(redis_subscriber_ready(b.sub));
    bench_close(&b);
}

static void a_channel_that_the_acl_forbids_is_never_live(void **state)
{
    (void)state;
    struct bench b = bench_open("user app on >pw ~* resetchannels &allowed +@all\n");
    struct ear forbidden = {0};
    struct redis_subscriber *s = new_subscriber(b.loop, "app:pw@", server_socket(b.server));
    redis_subscribe(s, REDIS_CHANNEL, SLICE_LIT("forbidden"), &listener, &forbidden);
    rig_run_for(b.loop, 150);
    assert_int_equal(forbidden.lives, 0);
    redis_subscriber_free(s);
    bench_close(&b);
}

static const char *const not_messages[] = {
    "*0\r\n",
    "*1\r\n$9\r\nsubscribe\r\n",
    "*1\r\n$7\r\nmessage\r\n",
    "*2\r\n$7\r\nmessage\r\n$4\r\nnews\r\n",
    "*3\r\n$7\r\nmessage\r\n$7\r\nunknown\r\n$1\r\nx\r\n",
    "*3\r\n$7\r\nmessage\r\n*0\r\n:1\r\n",
    "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n:1\r\n",
    "*3\r\n:1\r\n:2\r\n:3\r\n",
    "$-1\r\n",
    ":1\r\n",
    "-ERR no\r\n",
    "nonsense\r\n",
};

static void what_is_not_a_message_reaches_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_messages); i++) {
        struct fake_answer answers[] = {{"+PONG\r\n", false}, {not_messages[i], true}};
        struct loop *l = loop_new();
        struct fake *f = fake_start(l, answers, ARRAY_LEN(answers));
        struct redis_subscriber *s = new_subscriber(l, "", fake_socket(f));
        struct ear ear = {0};
        redis_subscribe(s, REDIS_CHANNEL, SLICE_LIT("news"), &listener, &ear);
        RUN_UNTIL(l, SOON_MS, fake_accepted(f) >= 2); /* it went on with a new connection */
        assert_int_equal(ear.messages, 0);
        assert_int_equal(ear.lives, 0);
        redis_subscriber_free(s);
        fake_free(f);
        loop_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reaches_each_listener_of_its_channel),
        cmocka_unit_test(an_empty_message_is_a_message),
        cmocka_unit_test(a_pattern_hears_every_channel_it_matches),
        cmocka_unit_test(who_comes_later_is_told_when_messages_arrive_for_him_too),
        cmocka_unit_test(a_listener_may_leave_and_let_others_leave_while_it_is_called),
        cmocka_unit_test(the_last_one_to_leave_ends_the_subscription_at_the_server),
        cmocka_unit_test(a_name_left_and_taken_again_at_once_is_live_only_by_its_own_confirmation),
        cmocka_unit_test(the_confirmation_of_an_earlier_subscribe_is_not_taken_for_its_own),
        cmocka_unit_test(a_restart_brings_every_channel_back_and_says_so),
        cmocka_unit_test(an_idle_subscription_stays_and_a_silent_server_is_left),
        cmocka_unit_test(a_connection_without_channels_is_kept_too),
        cmocka_unit_test(a_channel_that_the_acl_forbids_is_never_live),
        cmocka_unit_test(what_is_not_a_message_reaches_nobody),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
