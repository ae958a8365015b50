/* The client with a Redis that is well. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

enum { SOON_MS = 5000 };

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
};

static struct redis_client *new_client(struct loop *l, const char *url_text)
{
    struct redis_url u = rig_url(url_text);
    struct redis_options o = rig_options();
    struct redis_client *c = redis_client_new(l, &u, &o);
    redis_url_wipe(&u);
    return c;
}

static struct redis_client *new_unix_client(struct bench *b, const char *userinfo,
                                            const char *query)
{
    char text[256];
    (void)snprintf(text, sizeof text, "unix://%s%s%s", userinfo, server_socket(b->server), query);
    return new_client(b->loop, text);
}

static struct bench bench_open(const char *config)
{
    struct bench b = {loop_new(), server_start(config), NULL};
    b.client = new_unix_client(&b, "", "");
    return b;
}

static void bench_close(struct bench *b)
{
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->server);
}

static void a_command_is_answered_after_the_call_returned_and_once(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending e = {0};
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    mono_ms_t before = loop_now(b.loop);
    uint64_t id =
        redis_command(b.client, REDIS_NOW, 1000, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e);
    assert_int_not_equal(id, 0);
    assert_int_equal(e.calls, 0);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 0);
    rig_run_for(b.loop, 20);
    assert_int_equal(e.calls, 1);
    assert_int_equal(e.outcome, REDIS_REPLIED);
    assert_string_equal(e.text, "PONG");
    assert_in_range(e.sent_at.ms, before.ms, loop_now(b.loop).ms);
    bench_close(&b);
}

static void every_kind_of_answer_can_be_read(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    assert_string_equal(rig_ask(b.loop, b.client, "SET k v").text, "OK");
    assert_string_equal(rig_ask(b.loop, b.client, "GET k").text, "v");
    assert_int_equal(rig_ask(b.loop, b.client, "GET none").type, REDIS_TYPE_NIL);
    assert_int_equal(rig_ask(b.loop, b.client, "INCRBY n -7").number, -7);
    struct ending e = rig_ask(b.loop, b.client, "MGET k none n");
    assert_int_equal(e.type, REDIS_TYPE_ARRAY);
    assert_int_equal(e.number, 3);
    e = rig_ask(b.loop, b.client, "INCR k");
    assert_int_equal(e.outcome, REDIS_REFUSED);
    assert_int_equal(e.refusal, REDIS_REFUSAL_OTHER);
    assert_non_null(strstr(e.text, "not an integer"));
    bench_close(&b);
}

struct nested {
    bool seen;
};

static void look_into_nested(const struct redis_result *r, void *arg)
{
    struct nested *n = arg;
    const struct redis_value *inner = redis_value_at(r->value, 1);
    int64_t number = 0;
    assert_int_equal(redis_value_count(r->value), 3);
    assert_true(redis_value_int(redis_value_at(r->value, 0), &number));
    assert_int_equal(number, 1);
    assert_true(slice_is(redis_value_slice(redis_value_at(inner, 0)), "two"));
    assert_true(redis_value_int(redis_value_at(inner, 1), &number));
    assert_int_equal(number, 33); /* a number as text */
    assert_false(redis_value_int(redis_value_at(inner, 0), &number));
    assert_true(redis_value_is_nil(redis_value_at(inner, 9)));
    assert_true(redis_value_is_nil(redis_value_at(redis_value_at(inner, 9), 9)));
    assert_int_equal(redis_value_type(redis_value_at(r->value, 2)), REDIS_TYPE_NIL);
    assert_int_equal(redis_value_slice(NULL).n, 0);
    n->seen = true;
}

static void a_chain_of_accessors_needs_no_checks_between(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct nested n = {false};
    redis_command(
        b.client, REDIS_WAIT, SOON_MS,
        REDIS_ARGV(SLICE_LIT("EVAL"), SLICE_LIT("return {1,{'two','33'},false}"), SLICE_LIT("0")),
        look_into_nested, &n);
    RUN_UNTIL(b.loop, SOON_MS, n.seen);
    bench_close(&b);
}

static void arguments_may_hold_any_bytes(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending e = {0};
    struct slice value = {"a\0b\r\n$3\r\n", 10};
    redis_command(b.client, REDIS_WAIT, SOON_MS,
                  REDIS_ARGV(SLICE_LIT("SET"), SLICE_LIT("k"), value), NULL, NULL);
    redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("STRLEN"), SLICE_LIT("k")),
                  rig_ended, &e);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 0);
    assert_int_equal(e.number, 10);
    redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("GET"), SLICE_LIT("k")),
                  rig_ended, &e);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 1);
    assert_memory_equal(e.text, value.p, value.n);
    bench_close(&b);
}

static void answers_belong_to_their_commands_in_a_long_row(void **state)
{
    (void)state;
    enum { ROW = 2000 };
    struct bench b = bench_open(NULL);
    struct ending *e = xcalloc(ROW, sizeof *e);
    char number[16];
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    for (int i = 0; i < ROW; i++) {
        (void)snprintf(number, sizeof number, "%d", i);
        redis_command(b.client, REDIS_NOW, SOON_MS, REDIS_ARGV(SLICE_LIT("ECHO"), slice_of(number)),
                      rig_ended, &e[i]);
    }
    RUN_UNTIL(b.loop, SOON_MS, e[ROW - 1].calls > 0);
    for (int i = 0; i < ROW; i++) {
        (void)snprintf(number, sizeof number, "%d", i);
        assert_int_equal(e[i].calls, 1);
        assert_string_equal(e[i].text, number);
    }
    free(e);
    bench_close(&b);
}

static void a_megabyte_goes_there_and_back(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    struct bench b = bench_open(NULL);
    struct ending e = {0};
    char *big = xcalloc(1, SIZE);
    memset(big, 'x', SIZE);
    redis_command(b.client, REDIS_WAIT, SOON_MS,
                  REDIS_ARGV(SLICE_LIT("SET"), SLICE_LIT("k"), ((struct slice){big, SIZE})), NULL,
                  NULL);
    redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("GET"), SLICE_LIT("k")),
                  rig_ended, &e);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 0);
    assert_int_equal(e.outcome, REDIS_REPLIED);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_string_equal(rig_ask(b.loop, b.client, "STRLEN k").type == REDIS_TYPE_INT ? "int" : "",
                        "int");
    free(big);
    bench_close(&b);
}

/* ---- logging in ---- */

static const char acl[] = "requirepass main-password\n"
                          "user app on >p:w/@ ~* &* +@all\n"
                          "user narrow on >pw ~* &* -@all +get\n";

static void it_logs_in_with_a_password_or_as_an_acl_user(void **state)
{
    (void)state;
    struct bench b = bench_open(acl);
    struct redis_client *by_password = new_unix_client(&b, ":main-password@", "");
    struct redis_client *by_user = new_unix_client(&b, "app:p%3aw%2f%40@", "");
    assert_string_equal(rig_ask(b.loop, by_password, "ACL WHOAMI").text, "default");
    assert_string_equal(rig_ask(b.loop, by_user, "ACL WHOAMI").text, "app");
    redis_client_free(by_password);
    redis_client_free(by_user);
    bench_close(&b);
}

static void a_user_without_the_right_to_ping_is_served(void **state)
{
    (void)state;
    struct bench b = bench_open(acl);
    struct redis_client *narrow = new_unix_client(&b, "narrow:pw@", "");
    assert_int_equal(rig_ask(b.loop, narrow, "GET k").outcome, REDIS_REPLIED);
    struct ending e = rig_ask(b.loop, narrow, "SET k v");
    assert_int_equal(e.refusal, REDIS_REFUSAL_NOPERM);
    assert_true(redis_client_ready(narrow));
    redis_client_free(narrow);
    bench_close(&b);
}

static void a_wrong_password_never_gets_ready_and_never_shows(void **state)
{
    (void)state;
    struct bench b = bench_open(acl);
    struct redis_client *wrong = new_unix_client(&b, "app:not-the-password@", "");
    struct ending e = {0};
    redis_command(wrong, REDIS_WAIT, 200, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e);
    RUN_UNTIL(b.loop, SOON_MS, e.calls > 0);
    assert_int_equal(e.outcome, REDIS_NOT_SENT);
    assert_non_null(strstr(redis_client_trouble(wrong), "WRONGPASS"));
    assert_null(strstr(redis_client_trouble(wrong), "not-the-password"));
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(b.client), "NOAUTH") != NULL);
    redis_client_free(wrong);
    bench_close(&b);
}

static void it_selects_the_database_again_after_each_connect(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_client *third = new_unix_client(&b, "", "?db=3");
    rig_ask(b.loop, third, "SET k in-three");
    assert_int_equal(rig_ask(b.loop, b.client, "GET k").type, REDIS_TYPE_NIL);
    server_do(b.server, "CLIENT KILL TYPE normal");
    assert_string_equal(rig_ask(b.loop, third, "GET k").text, "in-three");
    redis_client_free(third);
    bench_close(&b);
}

static void a_database_that_is_not_there_is_an_error_of_the_login(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_client *c = new_unix_client(&b, "", "?db=9999");
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(c), "SELECT: ERR") != NULL);
    assert_false(redis_client_ready(c));
    redis_client_free(c);
    bench_close(&b);
}

static void it_speaks_tcp(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    char text[64];
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:%d/1", server_port(b.server));
    struct redis_client *c = new_client(b.loop, text);
    assert_string_equal(rig_ask(b.loop, c, "PING").text, "PONG");
    redis_client_free(c);
    bench_close(&b);
}

static void an_idle_connection_stays(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_client_stats stats;
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    rig_run_for(b.loop, 3 * rig_options().silence_ms);
    redis_client_stats(b.client, &stats);
    assert_int_equal(stats.connects, 1);
    assert_true(redis_client_ready(b.client));
    assert_in_range(stats.commands, 4, 7); /* the PINGs, each half of silence_ms */
    bench_close(&b);
}

/* ---- scripts ---- */

static struct ending run(struct bench *b, const struct redis_script *s)
{
    struct ending e = {0};
    struct slice keys[] = {SLICE_LIT("a"), SLICE_LIT("b")};
    struct slice args[] = {{"x\0y", 3}};
    redis_run(b->client, s, REDIS_WAIT, SOON_MS, keys, 2, args, 1, rig_ended, &e);
    RUN_UNTIL(b->loop, SOON_MS, e.calls > 0);
    rig_run_for(b->loop, 10);
    assert_int_equal(e.calls, 1);
    return e;
}

static void a_script_runs_whether_or_not_the_server_knows_it(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_script s;
    redis_script_init(&s, "test",
                      SLICE_LIT("return #KEYS .. KEYS[1] .. KEYS[2] .. #ARGV .. #ARGV[1]"));
    assert_string_equal(run(&b, &s).text, "2ab13"); /* unknown: taught */
    assert_string_equal(run(&b, &s).text, "2ab13"); /* known */
    assert_non_null(strstr(server_do(b.server, "INFO commandstats"), "cmdstat_eval:calls=1,"));
    server_do(b.server, "SCRIPT FLUSH");
    assert_string_equal(run(&b, &s).text, "2ab13");
    server_restart(b.server);
    assert_string_equal(run(&b, &s).text, "2ab13");
    bench_close(&b);
}

static void an_error_inside_a_script_is_a_refusal(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_script s;
    redis_script_init(&s, "test", SLICE_LIT("return redis.error_reply('EPOCH is old')"));
    struct ending e = run(&b, &s);
    assert_int_equal(e.outcome, REDIS_REFUSED);
    assert_int_equal(e.refusal, REDIS_REFUSAL_OTHER);
    assert_string_equal(e.text, "EPOCH is old");
    bench_close(&b);
}

static void a_script_is_known_by_its_sha1(void **state)
{
    (void)state;
    struct redis_script s;
    redis_script_init(&s, "test", SLICE_LIT("return 1"));
    assert_string_equal(s.sha1, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

/* ---- limits ---- */

static void more_commands_than_allowed_are_not_sent(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct redis_url u = rig_unix_url(server_socket(b.server));
    struct redis_options o = rig_options();
    struct ending e[5] = {{0}};
    o.max_pending = 3;
    struct redis_client *c = redis_client_new(b.loop, &u, &o);
    for (int i = 0; i < 5; i++)
        redis_command(c, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e[i]);
    assert_int_equal(e[4].calls, 0); /* not before the call returned */
    RUN_UNTIL(b.loop, SOON_MS, e[2].calls && e[4].calls);
    for (int i = 0; i < 5; i++)
        assert_int_equal(e[i].outcome, i < 3 ? REDIS_REPLIED : REDIS_NOT_SENT);
    assert_non_null(strstr(e[3].text, "too many"));
    redis_client_free(c);

    o = rig_options();
    o.max_pending_bytes = 1000;
    char big[1100] = {0};
    c = redis_client_new(b.loop, &u, &o);
    redis_command(c, REDIS_WAIT, SOON_MS,
                  REDIS_ARGV(SLICE_LIT("ECHO"), ((struct slice){big, sizeof big})), rig_ended,
                  &e[0]);
    RUN_UNTIL(b.loop, SOON_MS, e[0].calls == 2);
    assert_int_equal(e[0].outcome, REDIS_NOT_SENT);
    redis_client_free(c);
    redis_url_wipe(&u);
    bench_close(&b);
}

static void a_cancelled_command_calls_nobody(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending e = {0};
    uint64_t waiting =
        redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e);
    uint64_t failing =
        redis_command(b.client, REDIS_NOW, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e);
    redis_cancel(b.client, waiting);
    redis_cancel(b.client, failing);
    rig_ask(b.loop, b.client, "PING");
    uint64_t sent =
        redis_command(b.client, REDIS_NOW, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &e);
    redis_cancel(b.client, sent);
    redis_cancel(b.client, sent);
    redis_cancel(b.client, 987654);
    assert_string_equal(rig_ask(b.loop, b.client, "ECHO on").text, "on");
    assert_int_equal(e.calls, 0);
    bench_close(&b);
}

static void freeing_completes_each_pending_command_once(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending sent = {0}, waiting = {0}, failed = {0};
    struct redis_client *unready = new_unix_client(&b, "", "");
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    server_pause(b.server);
    redis_command(b.client, REDIS_NOW, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &sent);
    rig_turn(b.loop); /* it leaves */
    redis_client_free(unready);
    unready = new_unix_client(&b, "", "");
    redis_command(unready, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &waiting);
    redis_command(unready, REDIS_NOW, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &failed);
    redis_client_free(unready);
    redis_client_free(b.client);
    b.client = NULL;
    assert_int_equal(sent.calls, 1);
    assert_int_equal(sent.outcome, REDIS_UNKNOWN);
    assert_int_equal(waiting.calls, 1);
    assert_int_equal(waiting.outcome, REDIS_NOT_SENT);
    assert_int_equal(failed.calls, 1);
    assert_int_equal(failed.outcome, REDIS_NOT_SENT);
    server_resume(b.server);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_answered_after_the_call_returned_and_once),
        cmocka_unit_test(every_kind_of_answer_can_be_read),
        cmocka_unit_test(a_chain_of_accessors_needs_no_checks_between),
        cmocka_unit_test(arguments_may_hold_any_bytes),
        cmocka_unit_test(answers_belong_to_their_commands_in_a_long_row),
        cmocka_unit_test(a_megabyte_goes_there_and_back),
        cmocka_unit_test(it_logs_in_with_a_password_or_as_an_acl_user),
        cmocka_unit_test(a_user_without_the_right_to_ping_is_served),
        cmocka_unit_test(a_wrong_password_never_gets_ready_and_never_shows),
        cmocka_unit_test(it_selects_the_database_again_after_each_connect),
        cmocka_unit_test(a_database_that_is_not_there_is_an_error_of_the_login),
        cmocka_unit_test(it_speaks_tcp),
        cmocka_unit_test(an_idle_connection_stays),
        cmocka_unit_test(a_script_runs_whether_or_not_the_server_knows_it),
        cmocka_unit_test(an_error_inside_a_script_is_a_refusal),
        cmocka_unit_test(a_script_is_known_by_its_sha1),
        cmocka_unit_test(more_commands_than_allowed_are_not_sent),
        cmocka_unit_test(a_cancelled_command_calls_nobody),
        cmocka_unit_test(freeing_completes_each_pending_command_once),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
