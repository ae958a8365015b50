/* The HTTP API over a real fleet and a real Redis, with a WeChat that cannot be reached. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "free_port.h"
#include "http/client.h"
#include "tokend/api/api.h"

enum { PATIENCE_MS = 10000, LIFE_MS = 3600000, OVERLAP_MS = 300000 };

#define APP "/v1/apps/wx1"

/* A tokend with two apps, wx1 and wx2, and somebody who calls it. */
struct office {
    struct desk *desk;
    struct http_client *http;
    struct http_hosts *wechat_hosts, *own_hosts;
    struct wechat_client *wechat;
    struct fleet *fleet;
    struct http_server *server;
    struct clients *clients;
    struct api *api;
    bool answered;
    int status; /* of the last answer */
    char body[4096];
};

static struct http_hosts *hosts_at(int port)
{
    char base[64];
    struct err e;
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
    struct http_hosts *h = http_hosts_parse(slice_of(base), &e);
    assert_non_null(h);
    return h;
}

static void open_fleet(struct office *o)
{
    const struct refresh_config config = {
        .lead_ms = LIFE_MS / 4,
        .overlap_ms = OVERLAP_MS,
        .retry_min_ms = 60000,
        .retry_max_ms = 60000,
        .observe_interval_ms = 5000,
        .call_timeout_ms = 1000,
        .lease_needed_ms = 1000,
        .daily_budget = 500,
    };
    const struct fleet_parts parts = {.loop = o->desk->loop,
                                      .store = &o->desk->store,
                                      .subscriber = o->desk->subscriber,
                                      .wechat = o->wechat,
                                      .fetches = {.at_once = 8}};
    struct secret secret = {0};
    secret_set(&secret, SLICE_LIT("hunter2"));
    const struct fleet_entry apps[] = {{"wx1", &secret, config}, {"wx2", &secret, config}};
    o->fleet = fleet_new(&parts);
    fleet_set(o->fleet, apps, ARRAY_LEN(apps));
    secret_wipe(&secret);
}

static void open_server(struct office *o)
{
    const struct http_server_options options = {.listen = "127.0.0.1:0"};
    struct err e;
    o->server = http_server_new(o->desk->loop, &options, &e);
    assert_non_null(o->server);
    o->clients = clients_new();
    const struct api_parts parts = {o->server, o->fleet, &o->desk->store, o->clients};
    o->api = api_new(&parts);
    o->own_hosts = hosts_at(http_server_port(o->server));
}

/* What the leader before us left of wx1: "tok-5" as version 5, and "tok-4" before it. */
static void put_record(struct desk *d)
{
    wall_ms_t now = {desk_now(d)};
    const struct refresh_action commit = {
        .kind = REFRESH_DO_COMMIT,
        .epoch = 1,
        .record = {.version = 4,
                   .token = SLICE_LIT("tok-5"),
                   .issued_at = now,
                   .expires_at = wall_after(now, LIFE_MS),
                   .ttl_ms = LIFE_MS,
                   .previous = SLICE_LIT("tok-4"),
                   .previous_until = wall_after(now, OVERLAP_MS),
                   .previous_ttl_ms = OVERLAP_MS},
    };
    assert_int_equal(desk_run(d, &commit)->store, REFRESH_STORE_OK);
}

static bool knows_the_token(const struct office *o)
{
    struct app_token t;
    return app_token(fleet_find(o->fleet, SLICE_LIT("wx1")), &t);
}

static struct office *office_open(bool leads)
{
    struct office *o = xcalloc(1, sizeof *o);
    const struct http_client_options options = {.connect_timeout_ms = 500};
    struct err e;
    o->desk = desk_open();
    if (!leads)
        server_do(o->desk->server, "SET " DESK_PREFIX ":leader another PX 600000");
    put_record(o->desk);
    o->http = http_client_new(o->desk->loop, &options, &e);
    assert_non_null(o->http);
    o->wechat_hosts = hosts_at(free_port());
    o->wechat = wechat_client_new(o->desk->loop, o->http, o->wechat_hosts, 1000);
    open_fleet(o);
    open_server(o);
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, knows_the_token(o));
    if (leads)
        RUN_UNTIL(o->desk->loop, PATIENCE_MS,
                  app_status(fleet_find(o->fleet, SLICE_LIT("wx1"))).leading);
    return o;
}

static void office_close(struct office *o)
{
    api_free(o->api);
    fleet_free(o->fleet);
    wechat_client_free(o->wechat);
    http_client_free(o->http);
    http_server_free(o->server);
    clients_free(o->clients);
    http_hosts_unref(o->wechat_hosts);
    http_hosts_unref(o->own_hosts);
    desk_close(o->desk);
    free(o);
}

/* ---- calling ---- */

static void on_answer(const struct http_answer *answer, void *arg)
{
    struct office *o = arg;
    o->answered = true;
    o->status = answer->status;
    assert_true(slice_copy(answer->body, o->body, sizeof o->body));
}

static int call(struct office *o, enum http_method method, const char *path, const char *body)
{
    const struct http_request request = {.method = method,
                                         .hosts = o->own_hosts,
                                         .path_query = slice_of(path),
                                         .content_type = body ? "application/json" : NULL,
                                         .body = slice_of(body),
                                         .timeout_ms = PATIENCE_MS,
                                         .max_response = sizeof o->body - 1};
    o->answered = false;
    http_client_send(o->http, &request, on_answer, o);
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, o->answered);
    return o->status;
}

static int get(struct office *o, const char *path)
{
    return call(o, HTTP_GET, path, NULL);
}

static int post(struct office *o, const char *path, const char *body)
{
    return call(o, HTTP_POST, path, body);
}

static void assert_problem(struct office *o, const char *code)
{
    json_t *json = json_loads(o->body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "code")), code);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), o->status);
    assert_true(json_string_length(json_object_get(json, "request_id")) > 0);
    json_decref(json);
}

static int64_t number_in(struct office *o, const char *name)
{
    json_t *json = json_loads(o->body, 0, NULL);
    assert_true(json_is_integer(json_object_get(json, name)));
    int64_t n = json_integer_value(json_object_get(json, name));
    json_decref(json);
    return n;
}

/* ---- looking ---- */

static void the_token_is_handed_out_with_its_previous(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    assert_int_equal(get(o, APP "/token"), 200);
    assert_in_range(number_in(o, "expires_in"), LIFE_MS / 1000 - 60, LIFE_MS / 1000);
    assert_int_equal(number_in(o, "version"), 5);
    assert_non_null(strstr(o->body, "\"access_token\":\"tok-5\""));
    assert_non_null(strstr(o->body, "\"previous\":{\"access_token\":\"tok-4\",\"usable_for\":"));
    office_close(o);
}

static void states_show_no_token(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/apps", APP, APP "/events"};
    struct office *o = office_open(true);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(get(o, paths[i]), 200);
        assert_null(strstr(o->body, "tok-"));
        assert_null(strstr(o->body, "hunter2"));
    }
    office_close(o);
}

static void an_app_says_where_its_refresh_stands(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    assert_int_equal(get(o, APP), 200);
    assert_int_equal(number_in(o, "version"), 5);
    assert_int_equal(number_in(o, "failures"), 0);
    assert_non_null(strstr(o->body, "\"state\":\"fresh\""));
    assert_non_null(strstr(o->body, "\"has_token\":true"));
    assert_int_equal(get(o, "/v1/apps"), 200);
    assert_non_null(strstr(o->body, "\"leading\":true"));
    assert_non_null(strstr(o->body, "\"appid\":\"wx1\""));
    assert_non_null(strstr(o->body, "\"appid\":\"wx2\""));
    office_close(o);
}

static void an_app_without_a_token_says_so(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    assert_int_equal(get(o, "/v1/apps/wx2/token"), 503);
    assert_problem(o, "no_token");
    office_close(o);
}

static void what_is_not_there_is_said_in_json(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
        int status;
        const char *code;
    } cases[] = {
        {HTTP_GET, "/v1/apps/wx9", 404, "unknown_app"},
        {HTTP_GET, "/v1/apps/wx9/token", 404, "unknown_app"},
        {HTTP_GET, "/v1/apps/wx9/events", 404, "unknown_app"},
        {HTTP_POST, "/v1/apps/wx9/token/report", 404, "unknown_app"},
        {HTTP_POST, "/v1/apps/wx9/token/refresh", 404, "unknown_app"},
        {HTTP_GET, "/v1/nothing", 404, "not_found"},
        {HTTP_POST, APP "/token", 405, "method_not_allowed"},
        {HTTP_GET, APP "/events?limit=0", 400, "bad_limit"},
        {HTTP_GET, APP "/events?limit=1001", 400, "bad_limit"},
        {HTTP_GET, APP "/events?limit=many", 400, "bad_limit"},
    };
    struct office *o = office_open(false);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(call(o, cases[i].method, cases[i].path, NULL), cases[i].status);
        assert_problem(o, cases[i].code);
    }
    office_close(o);
}

static void events_come_as_many_as_are_asked_for(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    for (int i = 0; i < 5; i++)
        server_do(o->desk->server, "XADD " DESK_APP "events * event reported version 5");
    assert_int_equal(get(o, APP "/events?limit=3"), 200);
    json_t *json = json_loads(o->body, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 3);
    json_decref(json);
    office_close(o);
}

/* ---- reports and orders ---- */

static void a_report_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "7",
        "{}",
        "{\"version\":5}",
        "{\"errcode\":40001}",
        "{\"version\":\"5\",\"errcode\":40001}",
        "{\"version\":5,\"errcode\":\"40001\"}",
        "{\"access_token\":5,\"errcode\":40001}",
        "{\"version\":5,\"errcode\":40001,\"version\":4}",
    };
    struct office *o = office_open(true);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(post(o, APP "/token/report", bodies[i]), 400);
        assert_problem(o, "bad_report");
    }
    office_close(o);
}

static void a_report_about_another_token_changes_nothing(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"version\":4,\"errcode\":40001}",
        "{\"version\":0,\"errcode\":40001}",
        "{\"version\":-5,\"errcode\":40001}",
        "{\"version\":6,\"errcode\":40001}",
        "{\"access_token\":\"tok-4\",\"errcode\":40001}",
        "{\"access_token\":\"\",\"errcode\":40001}",
    };
    struct office *o = office_open(true);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(post(o, APP "/token/report", bodies[i]), 202);
        assert_string_equal(o->body, "{\"refreshing\":false,\"version\":5}");
    }
    assert_int_equal(app_status(fleet_find(o->fleet, SLICE_LIT("wx1"))).state, REFRESH_HOLDING);
    office_close(o);
}

static bool was_noted(struct office *o, const char *event)
{
    return strstr(server_do(o->desk->server, "XRANGE " DESK_APP "events - +"), event) != NULL;
}

static void a_report_about_the_current_token_is_taken_up_by_the_leader(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"version\":5,\"errcode\":40001}",
                                         "{\"access_token\":\"tok-5\",\"errcode\":40001}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct office *o = office_open(true);
        assert_int_equal(post(o, APP "/token/report", bodies[i]), 202);
        assert_string_equal(o->body, "{\"refreshing\":true,\"version\":5}");
        RUN_UNTIL(o->desk->loop, PATIENCE_MS,
                  was_noted(o, "event reported version 5 errcode 40001 by unknown"));
        assert_int_equal(get(o, APP "/token"), 200); /* nothing is proven yet */
        assert_int_equal(number_in(o, "version"), 5);
        office_close(o);
    }
}

static bool stream_holds(struct office *o, const char *text)
{
    return strstr(server_do(o->desk->server, "XRANGE " DESK_APP "reports - +"), text) != NULL;
}

/* WeChat is away: nothing that was told can be answered, and a new leader must be told it too. */
static void what_was_told_stays_in_redis_until_it_is_answered(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    assert_int_equal(post(o, APP "/token/report", "{\"version\":5,\"errcode\":40001}"), 202);
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, was_noted(o, "event reported version 5 errcode 40001"));
    assert_true(stream_holds(o, "version 5 errcode 40001 by "));
    assert_int_equal(post(o, APP "/token/report", "{\"version\":5,\"errcode\":42001}"), 202);
    assert_false(stream_holds(o, "errcode 42001")); /* it is being weighed already */
    office_close(o);
}

static void what_needs_no_answer_leaves_the_stream_at_once(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    server_do(o->desk->server, "XADD " DESK_APP "reports * version 4 errcode 40001 by x");
    server_do(o->desk->server, "XADD " DESK_APP "reports * version 99 errcode 40001 by x");
    server_do(o->desk->server, "XADD " DESK_APP "reports * nonsense 1");
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, !stream_holds(o, "nonsense"));
    assert_false(stream_holds(o, "version"));
    office_close(o);
}

static void a_follower_passes_reports_and_orders_on_to_the_leader(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    assert_int_equal(post(o, APP "/token/report", "{\"version\":5,\"errcode\":40001}"), 202);
    assert_string_equal(o->body, "{\"refreshing\":true,\"version\":5}");
    const char *stream = server_do(o->desk->server, "XRANGE " DESK_APP "reports - +");
    assert_non_null(strstr(stream, "version 5 errcode 40001 by "));
    assert_null(strstr(stream, "order"));
    assert_int_equal(post(o, APP "/token/refresh", NULL), 202);
    stream = server_do(o->desk->server, "XREVRANGE " DESK_APP "reports + - COUNT 1");
    assert_non_null(strstr(stream, "order 1"));
    office_close(o);
}

/* The leader before it may have written a newer one, which the consumer read. */
static void a_leader_that_has_not_read_the_record_yet_passes_on_what_it_cannot_judge(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    server_do(o->desk->server,
              "ACL SETUSER default -hget"); /* the record needs it, the lease not */
    server_do(o->desk->server, "DEL " DESK_PREFIX ":leader");
    server_do(o->desk->server, "PUBLISH " DESK_PREFIX ":leader:released another");
    RUN_UNTIL(o->desk->loop, PATIENCE_MS,
              app_status(fleet_find(o->fleet, SLICE_LIT("wx1"))).leading);
    assert_int_equal(post(o, APP "/token/report", "{\"version\":6,\"errcode\":40001}"), 202);
    assert_string_equal(o->body, "{\"refreshing\":true,\"version\":5}");
    assert_true(stream_holds(o, "version 6 errcode 40001 by "));
    office_close(o);
}

static void an_order_begins_a_refresh(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    assert_int_equal(post(o, APP "/token/refresh", NULL), 202);
    assert_string_equal(o->body, "{\"refreshing\":true,\"version\":5}");
    RUN_UNTIL(o->desk->loop, PATIENCE_MS,
              app_status(fleet_find(o->fleet, SLICE_LIT("wx1"))).failures == 1);
    assert_int_equal(get(o, APP "/token"), 200); /* WeChat is away: the good one stays */
    assert_int_equal(number_in(o, "version"), 5);
    assert_int_equal(get(o, APP), 200);
    assert_non_null(strstr(o->body, "\"state\":\"retrying\""));
    assert_non_null(strstr(o->body, "\"reason\":\"ordered\""));
    assert_true(was_noted(o, "event ordered version 5 errcode 0 by unknown"));
    office_close(o);
}

static void a_teller_that_says_no_proper_name_is_unknown(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    server_do(o->desk->server, "XADD " DESK_APP "reports * version 5 errcode 40001");
    RUN_UNTIL(o->desk->loop, PATIENCE_MS,
              was_noted(o, "event reported version 5 errcode 40001 by unknown"));
    office_close(o);
}

/* ---- without Redis ---- */

static void tokens_are_handed_out_while_redis_is_away(void **state)
{
    (void)state;
    struct office *o = office_open(false);
    server_kill(o->desk->server);
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, !redis_client_ready(o->desk->client));
    assert_int_equal(get(o, APP "/token"), 200);
    assert_int_equal(number_in(o, "version"), 5);
    assert_int_equal(get(o, APP), 200);
    assert_int_equal(get(o, APP "/events"), 503);
    assert_problem(o, "redis_unavailable");
    office_close(o);
}

static void what_redis_never_answers_ends_with_the_api(void **state)
{
    (void)state;
    struct office *o = office_open(true);
    const struct http_request order = {.method = HTTP_POST,
                                       .hosts = o->own_hosts,
                                       .path_query = SLICE_LIT(APP "/token/refresh"),
                                       .timeout_ms = PATIENCE_MS,
                                       .max_response = sizeof o->body - 1};
    server_pause(o->desk->server);
    http_client_send(o->http, &order, on_answer, o);
    RUN_UNTIL(o->desk->loop, PATIENCE_MS, http_server_in_flight(o->server) == 1);
    office_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_handed_out_with_its_previous),
        cmocka_unit_test(states_show_no_token),
        cmocka_unit_test(an_app_says_where_its_refresh_stands),
        cmocka_unit_test(an_app_without_a_token_says_so),
        cmocka_unit_test(what_is_not_there_is_said_in_json),
        cmocka_unit_test(events_come_as_many_as_are_asked_for),
        cmocka_unit_test(a_report_that_is_none_is_refused),
        cmocka_unit_test(a_report_about_another_token_changes_nothing),
        cmocka_unit_test(a_report_about_the_current_token_is_taken_up_by_the_leader),
        cmocka_unit_test(what_was_told_stays_in_redis_until_it_is_answered),
        cmocka_unit_test(what_needs_no_answer_leaves_the_stream_at_once),
        cmocka_unit_test(a_follower_passes_reports_and_orders_on_to_the_leader),
        cmocka_unit_test(a_leader_that_has_not_read_the_record_yet_passes_on_what_it_cannot_judge),
        cmocka_unit_test(an_order_begins_a_refresh),
        cmocka_unit_test(a_teller_that_says_no_proper_name_is_unknown),
        cmocka_unit_test(tokens_are_handed_out_while_redis_is_away),
        cmocka_unit_test(what_redis_never_answers_ends_with_the_api),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
