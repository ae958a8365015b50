/* Master and replica under a real sentinel, which moves the master. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#include "free_port.h"
#include "redis/subscriber.h"
#include "server.h"

enum { SOON_MS = 15000 };

struct bench {
    struct loop *loop;
    struct server *first, *second; /* the first is the master at the start */
    struct server *sentinel;
    struct redis_client *client;
};

static struct server *start_sentinel(const struct server *master)
{
    char config[512];
    (void)snprintf(config, sizeof config,
                   "sentinel monitor the-master 127.0.0.1 %d 1\n"
                   "sentinel down-after-milliseconds the-master 500\n"
                   "sentinel failover-timeout the-master 3000\n",
                   server_port(master));
    return sentinel_start(config);
}

static struct redis_client *new_client(struct bench *b, const char *hosts_format, int db)
{
    char text[256], hosts[128];
    (void)snprintf(hosts, sizeof hosts, "%s127.0.0.1:%d", hosts_format, server_port(b->sentinel));
    (void)snprintf(text, sizeof text, "redis-sentinel://%s/the-master/%d", hosts, db);
    struct redis_url u = rig_url(text);
    struct redis_options o = rig_options();
    o.connect_timeout_ms = 1000;
    struct redis_client *c = redis_client_new(b->loop, &u, &o);
    redis_url_wipe(&u);
    return c;
}

static struct bench bench_open(void)
{
    struct bench b = {loop_new(), server_start("repl-diskless-sync-delay 0\n"), NULL, NULL, NULL};
    char config[64];
    (void)snprintf(config, sizeof config, "replicaof 127.0.0.1 %d\n", server_port(b.first));
    b.second = server_start(config);
    /* Before the sentinel's first look at them: its next one comes ten seconds later. */
    RUN_UNTIL(b.loop, SOON_MS, strstr(server_do(b.second, "ROLE"), "connected") != NULL);
    b.sentinel = start_sentinel(b.first);
    b.client = new_client(&b, "", 0);
    return b;
}

static void bench_close(struct bench *b)
{
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->sentinel);
    server_free(b->second);
    server_free(b->first);
}

static bool sentinel_knows_the_replica(struct bench *b)
{
    return strstr(server_do(b->sentinel, "SENTINEL REPLICAS the-master"),
                  "master-link-status ok") != NULL;
}

static void the_client_finds_the_master_and_follows_it(void **state)
{
    (void)state;
    struct bench b = bench_open();
    assert_string_equal(rig_ask(b.loop, b.client, "SET k first").text, "OK");
    assert_string_equal(server_do(b.first, "GET k"), "first");
    RUN_UNTIL(b.loop, SOON_MS, sentinel_knows_the_replica(&b));
    RUN_UNTIL(b.loop, SOON_MS, strcmp(server_do(b.second, "GET k"), "first") == 0);
    assert_string_equal(server_do(b.sentinel, "SENTINEL FAILOVER the-master"), "OK");
    /* The old master refuses writes, or drops its clients, from some moment on; then the new one
     * takes them. */
    RUN_UNTIL(b.loop, SOON_MS,
              rig_ask(b.loop, b.client, "SET k second").outcome == REDIS_REPLIED &&
                  strcmp(server_do(b.second, "GET k"), "second") == 0);
    bench_close(&b);
}

static void a_dead_master_is_replaced_and_a_dead_sentinel_is_skipped(void **state)
{
    (void)state;
    struct bench b = bench_open();
    char dead[64];
    (void)snprintf(dead, sizeof dead, "127.0.0.1:%d,", free_port());
    struct redis_client *c = new_client(&b, dead, 0);
    assert_string_equal(rig_ask(b.loop, c, "SET k first").text, "OK");
    RUN_UNTIL(b.loop, SOON_MS, sentinel_knows_the_replica(&b));
    server_kill(b.first);
    RUN_UNTIL(b.loop, SOON_MS, rig_ask(b.loop, c, "SET k second").outcome == REDIS_REPLIED);
    assert_string_equal(server_do(b.second, "GET k"), "second");
    redis_client_free(c);
    bench_close(&b);
}

static void on_message(struct slice channel, struct slice payload, void *arg)
{
    (void)channel;
    (void)payload;
    ++*(int *)arg;
}

static void the_subscriber_follows_too(void **state)
{
    (void)state;
    static const struct redis_listener listener = {on_message, NULL};
    struct bench b = bench_open();
    char text[128];
    int heard = 0;
    (void)snprintf(text, sizeof text, "redis-sentinel://127.0.0.1:%d/the-master",
                   server_port(b.sentinel));
    struct redis_url u = rig_url(text);
    struct redis_options o = rig_options();
    struct redis_subscriber *s = redis_subscriber_new(b.loop, &u, &o);
    redis_subscribe(s, REDIS_CHANNEL, SLICE_LIT("news"), &listener, &heard);
    RUN_UNTIL(b.loop, SOON_MS, strcmp(server_do(b.first, "PUBSUB NUMSUB news"), "news 1") == 0);
    RUN_UNTIL(b.loop, SOON_MS, sentinel_knows_the_replica(&b));
    server_kill(b.first);
    RUN_UNTIL(b.loop, SOON_MS, strcmp(server_do(b.second, "PUBSUB NUMSUB news"), "news 1") == 0);
    server_do(b.second, "PUBLISH news x");
    RUN_UNTIL(b.loop, SOON_MS, heard > 0);
    redis_subscriber_free(s);
    redis_url_wipe(&u);
    bench_close(&b);
}

static void a_master_the_sentinels_do_not_know_is_named_in_the_trouble(void **state)
{
    (void)state;
    struct bench b = bench_open();
    char text[128];
    (void)snprintf(text, sizeof text, "redis-sentinel://127.0.0.1:%d/unknown-name",
                   server_port(b.sentinel));
    struct redis_url u = rig_url(text);
    struct redis_client *c = redis_client_new(b.loop, &u, NULL);
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(c), "knows no master") != NULL);
    redis_client_free(c);
    redis_url_wipe(&u);
    bench_close(&b);
}

static void a_sentinel_that_names_a_replica_is_not_believed(void **state)
{
    (void)state;
    struct bench b = bench_open();
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    redis_client_free(b.client);
    server_pause(b.sentinel); /* it keeps its opinion */
    server_do(b.first, "REPLICAOF 127.0.0.1 1");
    server_resume(b.sentinel);
    b.client = new_client(&b, "", 0);
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(b.client), "not a master") != NULL);
    assert_false(redis_client_ready(b.client));
    bench_close(&b);
}

static void silent_sentinels_are_given_up_one_after_the_other(void **state)
{
    (void)state;
    struct bench b = bench_open();
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    server_pause(b.sentinel);
    struct redis_client *c = new_client(&b, "", 0);
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(c), "no answer in time") != NULL);
    server_resume(b.sentinel);
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(c));
    redis_client_free(c);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_finds_the_master_and_follows_it),
        cmocka_unit_test(a_dead_master_is_replaced_and_a_dead_sentinel_is_skipped),
        cmocka_unit_test(the_subscriber_follows_too),
        cmocka_unit_test(a_master_the_sentinels_do_not_know_is_named_in_the_trouble),
        cmocka_unit_test(a_sentinel_that_names_a_replica_is_not_believed),
        cmocka_unit_test(silent_sentinels_are_given_up_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
