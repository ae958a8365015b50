/* dialects_fixture.h - all dialects behind a real HTTP server, and a client that asks them.
 *
 * What the dialects stand on is played (dialects_played.h). The server listens on a free port of
 * 127.0.0.1 and knows the apps wxapp1 and wxapp2. One request at a time, unless it is sent and read
 * apart. */
#ifndef TEST_DIALECTS_FIXTURE_H
#define TEST_DIALECTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialects_played.h"

#include "loginsvc/dialects/dialects.h"

#define SID "0123456789abcdef0123456789abcdef"

enum { REPLY_TIMEOUT_MS = 300, JWT_TTL_S = 7200, SESSION_TTL_S = 30 * 24 * 3600 };

extern struct site {
    struct loop *loop;
    struct http_server *server;
    struct metrics *metrics;
    struct jwt_signer *signer;
    struct keyring *tickets;
    struct apps *apps;
    struct proxies *proxies;
    struct login_limits limits;
    struct dialect_parts parts;
    struct dialects *dialects;
    char reply[64 * 1024]; /* to the last request: head and body */
} site;

int dialects_setup(void **state);
int dialects_teardown(void **state);

/* The only apps from now on. */
void set_apps(const char *const *appids, size_t n);

/* ---- the client ---- */

/* Sends one request and reads its reply; head lines end in \r\n. */
void ask(const char *method, const char *path, const char *head, const char *body);
void post(const char *path, const char *body);
void post_form(const char *path, const char *body);

/* The same in two steps. What is sent and not read is for the test to free. */
struct bufferevent *send_request(const char *method, const char *path, const char *head,
                                 const char *body);
void read_reply(struct bufferevent *connection); /* frees it */

/* Sends one that the played driver does not answer, and waits until it has it. */
struct bufferevent *send_login(const char *path, const char *body);

/* ---- tokens ---- */

int64_t now_s(void);

/* "Authorization: ...\r\n" in memory of the next call: the JWT of user 42 in wxapp1. */
const char *bearer(void);
const char *bearer_of_app(const char *appid);

/* With a JWT that ends at exp_s, between these two. */
const char *authorization(const char *before, const char *after, int64_t exp_s);

/* ---- the reply ---- */

const char *body_of_reply(void);
void assert_status(int status);
void assert_header(const char *line);
void assert_no_header(const char *name);
void assert_header_once(const char *name);
void assert_retry_after(const struct failure *f); /* as it says, or not at all */

/* The same members with the same values, in any order. */
void assert_json(const char *expected);
void assert_json_fmt(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A member of the reply, or of one of its objects: "data.token". */
void assert_member(const char *path, const char *value);
void assert_member_int(const char *path, int64_t value);

/* problem+json with this status and code, and in the words of the user. */
void assert_problem(int status, const char *code, const char *detail);

/* Posts each body and wants nothing but this reply; no login is begun. */
struct refused_body {
    const char *body;
    int status;
    const char *reply;
};
void assert_refused(const char *path, const struct refused_body *rows, size_t n);

/* ---- what WeChat may answer ---- */

/* Lets a login end with each of WeChat's errors, with none in time, and with no connection:
 * ask_and_check makes a request and sees that the reply says `f`. Their texts are all different
 * (test_login_failure.c). */
void each_fault(void (*ask_and_check)(const struct failure *f));

void end_logins_with(enum login_ending ending, enum err_class c, int errcode);

#endif
