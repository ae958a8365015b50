#include "dialects_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "loginsvc/login/register_ticket.h"
#include "sys/clock.h"

struct site site;

/* ---- the client ---- */

static void on_client_event(struct bufferevent *connection, short what, void *arg)
{
    (void)connection;
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        loop_stop(site.loop);
}

struct bufferevent *send_request(const char *method, const char *path, const char *head,
                                 const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(site.server))};
    const struct timeval patience = {10, 0};
    struct bufferevent *c = bufferevent_socket_new(loop_base(site.loop), -1, BEV_OPT_CLOSE_ON_FREE);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bufferevent_setcb(c, NULL, NULL, on_client_event, NULL);
    bufferevent_set_timeouts(c, &patience, &patience);
    assert_int_equal(bufferevent_enable(c, EV_READ | EV_WRITE), 0);
    evbuffer_add_printf(bufferevent_get_output(c),
                        "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: "
                        "%zu\r\n\r\n%s",
                        method, path, head, strlen(body), body);
    assert_int_equal(bufferevent_socket_connect(c, (struct sockaddr *)&to, sizeof to), 0);
    return c;
}

/* The server closes the connection behind its reply. */
void read_reply(struct bufferevent *connection)
{
    loop_run(site.loop);
    struct evbuffer *in = bufferevent_get_input(connection);
    size_t n = evbuffer_get_length(in);
    assert_true(n > 0 && n < sizeof site.reply);
    assert_int_equal(evbuffer_remove(in, site.reply, n), n);
    site.reply[n] = '\0';
    bufferevent_free(connection);
}

void ask(const char *method, const char *path, const char *head, const char *body)
{
    read_reply(send_request(method, path, head, body));
}

void post(const char *path, const char *body)
{
    ask("POST", path, "Content-Type: application/json\r\n", body);
}

void post_form(const char *path, const char *body)
{
    ask("POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", body);
}

struct bufferevent *send_login(const char *path, const char *body)
{
    struct bufferevent *c = send_request("POST", path, bearer(), body);
    int before = played.started;
    played.silent = played.stop_loop = true;
    loop_run(site.loop);
    assert_int_equal(played.started, before + 1);
    played.stop_loop = false;
    return c;
}

/* ---- tokens ---- */

int64_t now_s(void)
{
    return clock_wall().ms / 1000;
}

static const char *authorization_of(const char *before, const char *after,
                                    const struct jwt_claims *c)
{
    static char line[JWT_TEXT_MAX + 64];
    char jwt[JWT_TEXT_MAX + 1];
    struct text text = text_init(line, sizeof line);
    assert_true(jwt_signer_sign(site.signer, c, jwt));
    text_fmt(&text, "Authorization: %s%s%s\r\n", before, jwt, after);
    return line;
}

static struct jwt_claims claims_of(const char *appid, int64_t exp_s)
{
    struct jwt_claims c = {.user_id = 42,
                           .openid = "openid-1",
                           .sid = SID,
                           .iat_s = exp_s - JWT_TTL_S,
                           .exp_s = exp_s};
    assert_true(slice_copy(slice_of(appid), c.appid, sizeof c.appid));
    return c;
}

const char *authorization(const char *before, const char *after, int64_t exp_s)
{
    struct jwt_claims c = claims_of("wxapp1", exp_s);
    return authorization_of(before, after, &c);
}

const char *bearer_of_app(const char *appid)
{
    struct jwt_claims c = claims_of(appid, now_s() + 3600);
    return authorization_of("Bearer ", "", &c);
}

const char *bearer(void)
{
    return bearer_of_app("wxapp1");
}

/* ---- the reply ---- */

const char *body_of_reply(void)
{
    const char *end = strstr(site.reply, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

void assert_status(int status)
{
    assert_int_equal(strtol(site.reply + strlen("HTTP/1.1 "), NULL, 10), status);
}

void assert_header(const char *line)
{
    if (!strstr(site.reply, line))
        fail_msg("no \"%s\" in:\n%s", line, site.reply);
}

/* How often a header of that name stands in the reply. */
static int headers_called(const char *name)
{
    char line[64];
    int n = 0;
    snprintf(line, sizeof line, "\r\n%s:", name);
    for (const char *p = site.reply; (p = strstr(p, line)) != NULL; p += strlen(line))
        n++;
    return n;
}

void assert_no_header(const char *name)
{
    assert_int_equal(headers_called(name), 0);
}

void assert_header_once(const char *name)
{
    if (headers_called(name) != 1)
        fail_msg("%d times %s in:\n%s", headers_called(name), name, site.reply);
}

void assert_retry_after(const struct failure *f)
{
    char line[48];
    snprintf(line, sizeof line, "Retry-After: %d\r\n", f->retry_after_s);
    if (f->retry_after_s > 0)
        assert_header(line);
    assert_int_equal(headers_called("Retry-After"), f->retry_after_s > 0);
}

void assert_json(const char *expected)
{
    json_t *want = json_loads(expected, 0, NULL);
    json_t *have = json_loads(body_of_reply(), 0, NULL);
    assert_non_null(want);
    if (!json_equal(want, have))
        fail_msg("expected %s\n     but had %s", expected, body_of_reply());
    json_decref(want);
    json_decref(have);
}

void assert_json_fmt(const char *fmt, ...)
{
    char expected[2048];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof expected);
    assert_json(expected);
}

/* Borrowed from *whole, which the caller ends. */
static const json_t *member(const char *path, json_t **whole)
{
    struct slice rest = slice_of(path);
    *whole = json_loads(body_of_reply(), 0, NULL);
    const json_t *at = *whole;
    while (rest.p) {
        char name[64];
        assert_true(slice_copy(slice_cut(&rest, '.'), name, sizeof name));
        at = json_object_get(at, name);
    }
    if (!at)
        fail_msg("no %s in %s", path, body_of_reply());
    return at;
}

void assert_member(const char *path, const char *value)
{
    json_t *whole;
    assert_string_equal(json_string_value(member(path, &whole)), value);
    json_decref(whole);
}

void assert_member_int(const char *path, int64_t value)
{
    json_t *whole;
    assert_int_equal(json_integer_value(member(path, &whole)), value);
    json_decref(whole);
}

void assert_problem(int status, const char *code, const char *detail)
{
    assert_status(status);
    assert_header("Content-Type: application/problem+json\r\n");
    assert_header("Cache-Control: no-store\r\n");
    assert_member("title", http_status_phrase(status));
    assert_member_int("status", status);
    assert_member("code", code);
    assert_member("detail", detail);
}

void assert_refused(const char *path, const struct refused_body *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        post(path, rows[i].body);
        assert_status(rows[i].status);
        assert_json(rows[i].reply);
        assert_header_once("Cache-Control");
    }
    assert_int_equal(played.started, 0);
}

/* ---- what WeChat may answer ---- */

void end_logins_with(enum login_ending ending, enum err_class c, int errcode)
{
    played.outcome.result = (struct login_result){ending, c, errcode, 0};
}

static const struct login_result faults[] = {
    {LOGIN_REFUSED, ERR_USER, 40029, 0},     {LOGIN_REFUSED, ERR_USER, 40163, 0},
    {LOGIN_REFUSED, ERR_USER, 40226, 0},     {LOGIN_REFUSED, ERR_BACKOFF, 45011, 0},
    {LOGIN_REFUSED, ERR_QUOTA, 45009, 0},    {LOGIN_REFUSED, ERR_OPERATOR, 40013, 0},
    {LOGIN_REFUSED, ERR_OPERATOR, 40125, 0}, {LOGIN_REFUSED, ERR_OPERATOR, 1400001, 0},
    {LOGIN_UNSURE, ERR_BACKOFF, -1, 0},      {LOGIN_UNSURE, ERR_UNKNOWN, 0, 0},
    {LOGIN_UNREACHABLE, ERR_RETRY, 0, 0},
};

void each_fault(void (*ask_and_check)(const struct failure *f))
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct failure f = failure_of_login(&faults[i]);
        played.outcome.result = faults[i];
        ask_and_check(&f);
    }
}

/* ---- set-up ---- */

static void make_keys(void)
{
    struct secret secret = {NULL, 0};
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    site.signer = jwt_signer_new_hs256(&secret, "loginsvc", NULL);
    secret_wipe(&secret);
    struct keyring *master =
        keyring_parse(SLICE_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), NULL);
    site.tickets = keyring_derive(master, REGISTER_TICKET_LABEL);
    keyring_free(master);
}

void set_apps(const char *const *appids, size_t n)
{
    struct app_entry entries[2];
    assert_true(n <= ARRAY_LEN(entries));
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct app_entry){slice_of(appids[i]), SLICE_LIT("secret")};
    assert_true(apps_replace(site.apps, entries, n, NULL));
}

static void make_parts(void)
{
    site.limits = (struct login_limits){.jwt_ttl_ms = JWT_TTL_S * 1000LL,
                                        .session_ttl_ms = SESSION_TTL_S * 1000LL};
    site.parts = (struct dialect_parts){.server = site.server,
                                        .apps = site.apps,
                                        .signer = site.signer,
                                        .tickets = site.tickets,
                                        .proxies = site.proxies,
                                        .metrics = site.metrics,
                                        .limits = &site.limits};
    site.dialects = dialects_new(&site.parts);
}

int dialects_setup(void **state)
{
    static char proxy[] = "127.0.0.0/8";
    char *const networks[] = {proxy};
    static const char *const appids[] = {"wxapp1", "wxapp2"};
    const struct http_server_options options = {
        .listen = "127.0.0.1:0", .reply_timeout_ms = REPLY_TIMEOUT_MS, .max_in_flight = 1};
    (void)state;
    memset(&site, 0, sizeof site);
    make_keys();
    site.loop = loop_new();
    site.server = http_server_new(site.loop, &options, NULL);
    assert_non_null(site.server);
    site.metrics = metrics_new();
    site.apps = apps_new();
    set_apps(appids, ARRAY_LEN(appids));
    site.proxies = proxies_new(networks, 1, NULL);
    make_parts();
    played_reset(site.loop);
    return 0;
}

int dialects_teardown(void **state)
{
    (void)state;
    http_server_free(site.server);
    dialects_free(site.dialects);
    apps_free(site.apps);
    proxies_free(site.proxies);
    metrics_free(site.metrics);
    loop_free(site.loop);
    keyring_free(site.tickets);
    jwt_signer_free(site.signer);
    return 0;
}
