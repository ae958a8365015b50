/* The client with a Redis that is disturbed at random: what it says of a command must be true. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "server.h"

enum { SOON_MS = 5000, CHAOS_COMMANDS = 3000 };

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
    o.silence_ms = 60; /* shorter than the longest pause: what was sent is executed, unheard */
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

static struct redis_client_stats stats_of(const struct redis_client *c)
{
    struct redis_client_stats s;
    redis_client_stats(c, &s);
    return s;
}

static void disturb(struct bench *b, struct prng *r)
{
    switch (prng_between(r, 0, 9)) {
    case 0:
        server_do(b->server, "CLIENT KILL TYPE normal");
        break;
    case 1:
        server_pause(b->server);
        rig_run_for(b->loop, prng_between(r, 1, 100));
        server_resume(b->server);
        break;
    default:
        rig_turn(b->loop);
    }
}

static void send_some(struct bench *b, struct prng *r, struct ending *e, int *sent)
{
    char key[32];
    for (int64_t n = prng_between(r, 1, 40); n > 0 && *sent < CHAOS_COMMANDS; n--) {
        (void)snprintf(key, sizeof key, "key:%d", *sent);
        redis_command(b->client, prng_chance(r, 0.5) ? REDIS_WAIT : REDIS_NOW,
                      prng_between(r, 1, 100), REDIS_ARGV(SLICE_LIT("INCR"), slice_of(key)),
                      rig_ended, &e[*sent]);
        ++*sent;
    }
}

static void what_is_answered_was_executed_once_and_what_is_not_sent_never(void **state)
{
    (void)state;
    struct bench b = bench_open(NULL);
    struct ending *e = xcalloc(CHAOS_COMMANDS, sizeof *e);
    int outcomes[4] = {0};
    struct prng r;
    prng_seed(&r, 20260101);
    for (int sent = 0; sent < CHAOS_COMMANDS;) {
        send_some(&b, &r, e, &sent);
        disturb(&b, &r);
    }
    RUN_UNTIL(b.loop, SOON_MS, stats_of(b.client).pending == 0);
    for (int i = 0; i < CHAOS_COMMANDS; i++) {
        char command[32];
        (void)snprintf(command, sizeof command, "GET key:%d", i);
        const char *value = server_do(b.server, command);
        bool once = strcmp(value, "1") == 0, never = strcmp(value, "(nil)") == 0;
        bool true_word = e[i].outcome == REDIS_REPLIED    ? once
                         : e[i].outcome == REDIS_NOT_SENT ? never
                                                          : once || never;
        assert_int_equal(e[i].calls, 1);
        outcomes[e[i].outcome]++;
        if (!true_word)
            fail_msg("command %d: outcome %d, executed %s times", i, (int)e[i].outcome, value);
    }
    print_message("          %d answered, %d not sent, %d unknown\n", outcomes[REDIS_REPLIED],
                  outcomes[REDIS_NOT_SENT], outcomes[REDIS_UNKNOWN]);
    assert_true(outcomes[REDIS_REPLIED] > 100 && outcomes[REDIS_NOT_SENT] > 10 &&
                outcomes[REDIS_UNKNOWN] > 10);
    assert_int_equal(outcomes[REDIS_REFUSED], 0);
    free(e);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_answered_was_executed_once_and_what_is_not_sent_never),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
