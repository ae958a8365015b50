/* The client with a Redis that dies, hangs, refuses, or talks nonsense. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_port.h"
#include "server.h"

enum { SOON_MS = 5000, NEVER_READY = -1 };

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
};

static struct bench bench_open(const char *config)
{
    struct bench b = {loop_new(), server_start(config), NULL};
    struct redis_url u = rig_unix_url(server_socket(b.server));
    struct redis_options o = rig_options();
    b.client = redis_client_new(b.loop, &u, &o);
    redis_url_wipe(&u);
    return b;
}

static void bench_close(struct bench *b)
{
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->server);
}

static void await_ready(struct bench *b)
{
    RUN_UNTIL(b->loop, SOON_MS, redis_client_ready(b->client));
}

static struct redis_client_stats stats_of(const struct redis_client *c)
{
    struct redis_client_stats s;
    redis_client_stats(c, &s);
    return s;
}

/* ---- a server that dies ---- */

static void without_a_connection_a_command_fails_now_or_waits(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending now, brief, patient;
    server_kill(b.server);
    rig_send(b.client, REDIS_NOW, SOON_MS, "PING", &now);
    rig_send(b.client, REDIS_WAIT, 100, "PING", &brief);
    rig_send(b.client, REDIS_WAIT, SOON_MS, "ECHO late", &patient);
    assert_int_equal(now.calls, 0);
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, brief.calls > 0);
    assert_in_range(mono_between(start, loop_now(b.loop)), 95, 1000);
    assert_int_equal(now.calls, 1);
    assert_int_equal(now.outcome, REDIS_NOT_SENT);
    assert_int_equal(now.sent_at.ms, 0);
    assert_int_equal(brief.outcome, REDIS_NOT_SENT);
    assert_int_equal(patient.calls, 0);
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, patient.calls > 0);
    assert_string_equal(patient.text, "late");
    bench_close(&b);
}

static void a_command_under_way_when_the_server_dies_is_unknown(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending sent, after;
    await_ready(&b);
    server_pause(b.server);
    rig_send(b.client, REDIS_WAIT, SOON_MS, "SET k v", &sent);
    rig_run_for(b.loop, 20);
    assert_int_equal(sent.calls, 0);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, sent.calls > 0);
    assert_int_equal(sent.outcome, REDIS_UNKNOWN);
    rig_send(b.client, REDIS_WAIT, SOON_MS, "ECHO again", &after);
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, after.calls > 0);
    assert_string_equal(after.text, "again");
    assert_int_equal(sent.calls, 1);
    assert_int_equal(stats_of(b.client).losses, 1);
    assert_int_equal(stats_of(b.client).pending, 0);
    bench_close(&b);
}

/* The socket takes a part of what is sent; what it did not take was certainly not executed. */
static void a_command_whose_end_never_left_is_not_sent(void **state)
{
    (void)state;
    enum { BIG = 4 << 20 };
    struct bench b = bench_open(NULL);
    struct ending first, second = {0}, third, fourth;
    char *big = xcalloc(1, BIG);
    await_ready(&b);
    server_pause(b.server);
    rig_send(b.client, REDIS_NOW, SOON_MS, "SET first 1", &first);
    redis_command(b.client, REDIS_NOW, SOON_MS,
                  REDIS_ARGV(SLICE_LIT("SET"), SLICE_LIT("second"), ((struct slice){big, BIG})),
                  rig_ended, &second);
    rig_send(b.client, REDIS_NOW, SOON_MS, "SET third 1", &third);
    rig_send(b.client, REDIS_WAIT, SOON_MS, "ECHO fourth", &fourth);
    rig_run_for(b.loop, 30);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, first.calls && second.calls && third.calls);
    assert_int_equal(first.outcome, REDIS_UNKNOWN);
    assert_int_equal(second.outcome, REDIS_NOT_SENT);
    assert_int_equal(third.outcome, REDIS_NOT_SENT);
    assert_int_equal(fourth.calls, 0); /* it may wait, so it goes to the next connection */
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, fourth.calls > 0);
    assert_string_equal(fourth.text, "fourth");
    free(big);
    bench_close(&b);
}

struct states {
    int ready, down;
    char reason[256]; /* of the last loss */
};

static void on_state(bool ready, const char *reason, void *arg)
{
    struct states *s = arg;
    assert_int_equal(ready, reason[0] == '\0');
    if (ready) {
        s->ready++;
        return;
    }
    s->down++;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
}

static void the_listener_hears_each_change_once(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct states s = {0};
    redis_client_on_state(b.client, on_state, &s);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, s.down > 0);
    rig_run_for(b.loop, 200); /* more attempts fail */
    assert_int_equal(s.down, 1);
    assert_int_equal(s.ready, 0);
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, s.ready > 0);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, s.down > 1);
    rig_run_for(b.loop, 100);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.down, 2);
    bench_close(&b);
}

struct retry {
    struct redis_client *client;
    int times;
};

static void try_again_at_once(const struct redis_result *r, void *arg)
{
    struct retry *t = arg;
    assert_int_equal(r->outcome, REDIS_NOT_SENT);
    if (++t->times < 1000000)
        redis_command(t->client, REDIS_NOW, 1000, REDIS_ARGV(SLICE_LIT("PING")), try_again_at_once,
                      t);
}

static void a_callback_that_tries_again_at_once_does_not_stop_the_loop(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    server_kill(b.server);
    struct retry t = {b.client, 0};
    redis_command(b.client, REDIS_NOW, 1000, REDIS_ARGV(SLICE_LIT("PING")), try_again_at_once, &t);
    RUN_UNTIL(b.loop, SOON_MS, t.times > 3);
    assert_true(t.times < 1000000);
    t.times = 1000000;
    rig_run_for(b.loop, 20);
    bench_close(&b);
}

/* ---- a server that hangs ---- */

static void a_deadline_holds_while_the_server_hangs_and_the_order_of_answers_too(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending brief, patient;
    await_ready(&b);
    server_pause(b.server);
    mono_ms_t start = loop_now(b.loop);
    rig_send(b.client, REDIS_NOW, 60, "ECHO one", &brief);
    rig_send(b.client, REDIS_NOW, SOON_MS, "ECHO two", &patient);
    RUN_UNTIL(b.loop, SOON_MS, brief.calls > 0);
    assert_in_range(mono_between(start, loop_now(b.loop)), 55, 300);
    assert_int_equal(brief.outcome, REDIS_UNKNOWN);
    server_resume(b.server);
    RUN_UNTIL(b.loop, SOON_MS, patient.calls > 0);
    assert_string_equal(patient.text, "two");
    assert_int_equal(brief.calls, 1);
    assert_int_equal(stats_of(b.client).connects, 1);
    assert_int_equal(stats_of(b.client).late, 1);
    assert_int_equal(stats_of(b.client).unknown, 1);
    bench_close(&b);
}

static void a_late_refusal_and_a_late_loss_are_not_told_twice(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending refused, lost;
    await_ready(&b);
    server_pause(b.server);
    rig_send(b.client, REDIS_NOW, 30, "NONSENSE", &refused);
    RUN_UNTIL(b.loop, SOON_MS, refused.calls > 0);
    server_resume(b.server);
    RUN_UNTIL(b.loop, SOON_MS, stats_of(b.client).late == 1);
    server_pause(b.server);
    rig_send(b.client, REDIS_NOW, 30, "PING", &lost);
    RUN_UNTIL(b.loop, SOON_MS, lost.calls > 0);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, !redis_client_ready(b.client));
    rig_run_for(b.loop, 30);
    assert_int_equal(refused.calls, 1);
    assert_int_equal(lost.calls, 1);
    assert_int_equal(stats_of(b.client).unknown, 2);
    assert_int_equal(stats_of(b.client).refused, 0);
    bench_close(&b);
}

static void a_silent_server_is_given_up_in_time_even_when_idle(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    await_ready(&b);
    rig_run_for(b.loop, 50);
    server_pause(b.server);
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, !redis_client_ready(b.client));
    assert_in_range(mono_between(start, loop_now(b.loop)), 150, rig_options().silence_ms + 200);
    server_resume(b.server);
    assert_string_equal(rig_ask(b.loop, b.client, "ECHO back").text, "back");
    bench_close(&b);
}

static void many_commands_with_short_deadlines_each_end_once(void **state)
{
    (void)state;
    enum { MANY = 500 };
    struct bench b = bench_open(NULL);
    struct ending *e = xcalloc(MANY, sizeof *e);
    await_ready(&b);
    server_pause(b.server);
    for (int i = 0; i < MANY; i++)
        rig_send(b.client, i % 2 ? REDIS_NOW : REDIS_WAIT, 1 + i % 97, "PING", &e[i]);
    rig_run_for(b.loop, 200);
    server_resume(b.server);
    rig_ask(b.loop, b.client, "PING");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(e[i].calls, 1);
        assert_int_equal(e[i].outcome, REDIS_UNKNOWN);
    }
    free(e);
    bench_close(&b);
}

/* ---- a server that refuses ---- */

static void out_of_memory_is_a_refusal_that_keeps_the_connection(void **state)
{
    (void)state;
    struct bench b = bench_open("maxmemory 100kb\nmaxmemory-policy noeviction\n");
    struct ending e = rig_ask(b.loop, b.client, "SET k v");
    assert_int_equal(e.outcome, REDIS_REFUSED);
    assert_int_equal(e.refusal, REDIS_REFUSAL_OOM);
    assert_int_equal(redis_refusal_class(e.refusal), ERR_OPERATOR);
    assert_int_equal(rig_ask(b.loop, b.client, "GET k").outcome, REDIS_REPLIED);
    assert_int_equal(stats_of(b.client).connects, 1);
    assert_int_equal(stats_of(b.client).refusals[REDIS_REFUSAL_OOM], 1);
    bench_close(&b);
}

static void a_replica_is_left_after_its_last_answer_until_it_takes_writes(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending before, write, behind;
    struct states s = {0};
    redis_client_on_state(b.client, on_state, &s);
    rig_ask(b.loop, b.client, "SET k v");
    server_do(b.server, "REPLICAOF 127.0.0.1 1"); /* nobody is there */
    rig_send(b.client, REDIS_NOW, SOON_MS, "GET k", &before);
    rig_send(b.client, REDIS_NOW, SOON_MS, "SET k w", &write);
    rig_send(b.client, REDIS_NOW, SOON_MS, "GET k", &behind);
    RUN_UNTIL(b.loop, SOON_MS, behind.calls > 0);
    assert_string_equal(before.text, "v");
    assert_int_equal(write.refusal, REDIS_REFUSAL_READONLY);
    assert_string_equal(behind.text, "v"); /* an answer of its own, not UNKNOWN */
    RUN_UNTIL(b.loop, SOON_MS, stats_of(b.client).connects == 2);
    assert_int_equal(s.down, 1);
    assert_non_null(strstr(s.reason, "READONLY"));
    server_do(b.server, "REPLICAOF NO ONE");
    assert_string_equal(rig_ask(b.loop, b.client, "SET k w").text, "OK");
    bench_close(&b);
}

static void a_script_on_a_replica_is_readonly_too(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_script s;
    struct ending e = {0};
    struct slice key = SLICE_LIT("k");
    redis_script_init(&s, "test", SLICE_LIT("return redis.call('SET', KEYS[1], 'v')"));
    await_ready(&b);
    server_do(b.server, "REPLICAOF 127.0.0.1 1");
    redis_run(b.client, &s, REDIS_WAIT, SOON_MS, &key, 1, NULL, 0, rig_ended, &e);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 0);
    assert_int_equal(e.refusal, REDIS_REFUSAL_READONLY);
    bench_close(&b);
}

/* ---- a server that is none ---- */

static struct redis_client *meet_fake(struct loop *l, struct fake *f)
{
    struct redis_url u = rig_unix_url(fake_socket(f));
    struct redis_options o = rig_options();
    o.max_reply_bytes = 1000;
    struct redis_client *c = redis_client_new(l, &u, &o);
    redis_url_wipe(&u);
    return c;
}

static void a_server_that_accepts_and_never_answers_is_given_up_in_time(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct fake *f = fake_start(l, NULL, 0);
    struct redis_client *c = meet_fake(l, f);
    struct ending e;
    mono_ms_t start = loop_now(l);
    rig_send(c, REDIS_WAIT, 1000, "PING", &e);
    RUN_UNTIL(l, SOON_MS, strstr(redis_client_trouble(c), "no answer to the login") != NULL);
    assert_in_range(mono_between(start, loop_now(l)), 290, 800);
    RUN_UNTIL(l, SOON_MS, e.calls > 0);
    assert_int_equal(e.outcome, REDIS_NOT_SENT);
    assert_true(fake_accepted(f) >= 2); /* it tried again */
    redis_client_free(c);
    fake_free(f);
    loop_free(l);
}

static const struct nonsense {
    const char *what;
    struct fake_answer answers[3];
    const char *trouble;
    int outcome; /* of a command sent once ready, or NEVER_READY */
} nonsense[] = {
    {"another protocol",
     {{"HTTP/1.1 400 Bad Request\r\n\r\n", false}},
     "Protocol error",
     NEVER_READY},
    {"still loading",
     {{"-LOADING Redis is loading the dataset in memory\r\n", false}},
     "PING: LOADING",
     -1},
    {"too many clients",
     {{"-ERR max number of clients reached\r\n", true}},
     "max number",
     NEVER_READY},
    {"closes at once", {{"", true}}, "closed", NEVER_READY},
    {"two answers to one PING", {{"+PONG\r\n+PONG\r\n", false}}, "nobody asked for", NEVER_READY},
    {"half an answer, then closes",
     {{"+PONG\r\n", false}, {"$10\r\nabc", true}},
     "closed",
     REDIS_UNKNOWN},
    {"nonsense after the login",
     {{"+PONG\r\n", false}, {"?what\r\n", false}},
     "Protocol error",
     REDIS_UNKNOWN},
    {"an array of absurd length", {{"+PONG\r\n", false}, {"*-7\r\n", true}}, "", REDIS_UNKNOWN},
    {"one answer too many",
     {{"+PONG\r\n", false}, {"+OK\r\n+OK\r\n", false}},
     "nobody asked for",
     REDIS_REPLIED},
};

static void nonsense_ends_the_connection_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        const struct nonsense *n = &nonsense[i];
        struct loop *l = loop_new();
        struct fake *f = fake_start(l, n->answers, 3);
        struct redis_client *c = meet_fake(l, f);
        struct states s = {0};
        struct ending e = {0};
        redis_client_on_state(c, on_state, &s);
        print_message("          %s\n", n->what);
        if (n->outcome != NEVER_READY) {
            RUN_UNTIL(l, SOON_MS, redis_client_ready(c));
            rig_send(c, REDIS_NOW, 1000, "GET k", &e);
            RUN_UNTIL(l, SOON_MS, e.calls > 0);
            assert_int_equal(e.outcome, n->outcome);
        }
        RUN_UNTIL(l, SOON_MS, s.down > 0);
        if (!strstr(s.reason, n->trouble))
            fail_msg("%s: %s", n->what, s.reason);
        RUN_UNTIL(l, SOON_MS, fake_accepted(f) >= 2);
        redis_client_free(c);
        fake_free(f);
        loop_free(l);
    }
}

static void an_answer_longer_than_allowed_ends_the_connection(void **state)
{
    (void)state;
    char big[2048] = "$100000\r\n";
    memset(big + strlen(big), 'x', sizeof big - 1 - strlen(big));
    struct fake_answer answers[] = {{"+PONG\r\n", false}, {big, false}};
    struct loop *l = loop_new();
    struct fake *f = fake_start(l, answers, 2);
    struct redis_client *c = meet_fake(l, f);
    struct states s = {0};
    struct ending e;
    redis_client_on_state(c, on_state, &s);
    RUN_UNTIL(l, SOON_MS, redis_client_ready(c));
    rig_send(c, REDIS_NOW, 1000, "GET k", &e);
    RUN_UNTIL(l, SOON_MS, e.calls > 0);
    assert_int_equal(e.outcome, REDIS_UNKNOWN);
    assert_non_null(strstr(s.reason, "longer than allowed"));
    redis_client_free(c);
    fake_free(f);
    loop_free(l);
}

static void a_refused_connection_is_tried_again_ever_more_slowly(void **state)
{
    (void)state;
    char text[64];
    struct loop *l = loop_new();
    struct redis_options o = rig_options();
    o.backoff_min_ms = 20;
    o.backoff_max_ms = 200;
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:%d", free_port());
    struct redis_url u = rig_url(text);
    struct redis_client *c = redis_client_new(l, &u, &o);
    RUN_UNTIL(l, SOON_MS, strstr(redis_client_trouble(c), "refused") != NULL);
    rig_run_for(l, 100);
    assert_int_equal(stats_of(c).connects, 0);
    redis_client_free(c);
    redis_url_wipe(&u);
    loop_free(l);
}

static void a_socket_that_is_not_there_is_an_error_like_any_other(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct redis_url u = rig_url("unix:///nonexistent/redis.sock");
    struct redis_client *c = redis_client_new(l, &u, NULL);
    RUN_UNTIL(l, SOON_MS, strstr(redis_client_trouble(c), "No such file") != NULL);
    redis_client_free(c);
    redis_url_wipe(&u);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_connection_a_command_fails_now_or_waits),
        cmocka_unit_test(a_command_under_way_when_the_server_dies_is_unknown),
        cmocka_unit_test(a_command_whose_end_never_left_is_not_sent),
        cmocka_unit_test(the_listener_hears_each_change_once),
        cmocka_unit_test(a_callback_that_tries_again_at_once_does_not_stop_the_loop),
        cmocka_unit_test(a_deadline_holds_while_the_server_hangs_and_the_order_of_answers_too),
        cmocka_unit_test(a_late_refusal_and_a_late_loss_are_not_told_twice),
        cmocka_unit_test(a_silent_server_is_given_up_in_time_even_when_idle),
        cmocka_unit_test(many_commands_with_short_deadlines_each_end_once),
        cmocka_unit_test(out_of_memory_is_a_refusal_that_keeps_the_connection),
        cmocka_unit_test(a_replica_is_left_after_its_last_answer_until_it_takes_writes),
        cmocka_unit_test(a_script_on_a_replica_is_readonly_too),
        cmocka_unit_test(a_server_that_accepts_and_never_answers_is_given_up_in_time),
        cmocka_unit_test(nonsense_ends_the_connection_and_nothing_else),
        cmocka_unit_test(an_answer_longer_than_allowed_ends_the_connection),
        cmocka_unit_test(a_refused_connection_is_tried_again_ever_more_slowly),
        cmocka_unit_test(a_socket_that_is_not_there_is_an_error_like_any_other),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
