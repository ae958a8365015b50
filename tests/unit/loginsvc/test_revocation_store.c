/* session_watch on the real store: what SQL remembers of ended sessions is what a process knows. */
#include "rig.h"

#include <string.h>

#include "loginsvc/sessions/revocation_watch.h"
#include "server.h"
#include "sys/clock.h"
#include "users_fixture.h"

enum { SOON_MS = 5000, SESSIONS = 30 };

struct process {
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct revocation_watch *watch;
};

static struct process process_start(struct fixture *f, struct server *server)
{
    struct redis_url url = rig_unix_url(server_socket(server));
    struct redis_options o = rig_options();
    struct process p = {redis_client_new(f->loop, &url, &o),
                        redis_subscriber_new(f->loop, &url, &o), NULL};
    const struct revocation_watch_parts parts = {f->loop, p.client, p.subscriber, f->store, "p"};
    redis_url_wipe(&url);
    p.watch = revocation_watch_new(&parts, NULL);
    return p;
}

static void process_stop(struct process *p)
{
    revocation_watch_free(p->watch);
    redis_subscriber_free(p->subscriber);
    redis_client_free(p->client);
}

/* One user's sessions; gives the user and the sessions' ids. */
static int64_t log_in(struct fixture *f, char ids[SESSIONS][SESSION_ID_SIZE])
{
    int64_t user_id = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        struct store_login in = login_of("openid", NULL, clock_wall());
        memcpy(ids[i], in.session.id, SESSION_ID_SIZE);
        const struct store_result *r = fixture_login(f, &in);
        assert_int_equal(r->status, STORE_OK);
        user_id = r->user.id;
    }
    return user_id;
}

static size_t known(const struct process *p, char ids[SESSIONS][SESSION_ID_SIZE])
{
    size_t n = 0;
    for (size_t i = 0; i < SESSIONS; i++)
        n += revocation_watch_has(p->watch, slice_of(ids[i]));
    return n;
}

static void what_sql_remembers_is_known_after_the_start_and_by_message(void **state)
{
    struct fixture *f = *state;
    struct server *server = server_start(NULL);
    char ids[SESSIONS][SESSION_ID_SIZE];
    int64_t user_id = log_in(f, ids);
    wall_ms_t now = clock_wall(), until = wall_after(now, TTL_MS);
    assert_true(
        store_session_end(f->store, user_id, slice_of(ids[7]), now, until, fixture_caller(f, 1)));
    fixture_await(f, 1);
    assert_int_equal(f->results[1].status, STORE_OK);

    struct process p = process_start(f, server);
    RUN_UNTIL(f->loop, SOON_MS,
              revocation_watch_loaded(p.watch) && revocation_watch_stats(p.watch).live);
    assert_int_equal(known(&p, ids), 1);
    assert_true(revocation_watch_has(p.watch, slice_of(ids[7])));

    assert_true(store_user_erase(f->store, user_id, clock_wall(), until, fixture_caller(f, 2)));
    fixture_await(f, 1);
    assert_int_equal(f->results[2].status, STORE_OK);
    server_do(server, "PUBLISH p:sessions:ended *");
    RUN_UNTIL(f->loop, SOON_MS, known(&p, ids) == SESSIONS);

    struct process restarted = process_start(f, server);
    RUN_UNTIL(f->loop, SOON_MS, revocation_watch_loaded(restarted.watch));
    assert_int_equal(known(&restarted, ids), SESSIONS);
    store_close(f->store);
    f->store = NULL;
    process_stop(&restarted);
    process_stop(&p);
    server_free(server);
}

static void the_store_may_close_while_the_table_is_being_read(void **state)
{
    struct fixture *f = *state;
    struct server *server = server_start(NULL);
    struct process p = process_start(f, server);
    RUN_UNTIL(f->loop, SOON_MS, store_stats(f->store).accepted > 0);
    store_close(f->store); /* the answer comes inside */
    f->store = NULL;
    process_stop(&p);
    server_free(server);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(what_sql_remembers_is_known_after_the_start_and_by_message),
        WITH_STORE(the_store_may_close_while_the_table_is_being_read),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
