/* dialect.h - how one document, or we ourselves, spell what every endpoint has: failures, the
 * caller's token, replies in JSON.
 *
 * A dialect is data and two functions; adding one adds a file. Loop thread only. */
#ifndef LOGINSVC_DIALECTS_DIALECT_H
#define LOGINSVC_DIALECTS_DIALECT_H

#include <jansson.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"
#include "http/server.h"
#include "loginsvc/dialects/failure.h"
#include "loginsvc/limits/address.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/login/session_keys.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/revocation_watch.h"
#include "loginsvc/users/store.h"
#include "metrics/metrics.h"

/* What all endpoints share. All borrowed; they outlive the dialects. */
struct dialect_parts {
    struct http_server *server;
    struct login_driver *driver;
    const struct apps *apps;
    const struct jwt_signer *signer;
    struct revocation_watch *revocations;
    struct store *store;
    struct session_keys *session_keys;
    const struct keyring *tickets; /* derived for REGISTER_TICKET_LABEL */
    const struct proxies *proxies;
    struct metrics *metrics;
    const struct login_limits *limits; /* as they are now */
};

struct dialect {
    const char *name;                                    /* for logs and metrics */
    struct slice (*token)(const struct http_call *call); /* the caller's JWT, p NULL for none */
    void (*fail)(struct http_call *call, const struct failure *f); /* replies, for no cache */
};

/* Replies with the failure in the dialect's words, with Retry-After where it has one. */
void dialect_fail(const struct dialect *d, struct http_call *call, const struct failure *f);
void dialect_fail_kind(const struct dialect *d, struct http_call *call, enum failure_kind kind);

/* For http_route.problem: what the server itself refuses (too slow, too many, shutting down). */
void dialect_problem(const struct dialect *d, struct http_call *call,
                     const struct http_problem *problem);

/* Adds WeChat's number, where the failure has one; returns body. */
json_t *dialect_with_errcode(json_t *body, const struct failure *f);

/* Replies with *body, which is taken; NULL (a text that is not UTF-8) replies 500. Nothing that we
 * say is to be kept by a cache. */
void dialect_reply(struct http_call *call, int status, json_t *body);

/* Replies 204: it is done, and there is nothing to say. */
void dialect_reply_nothing(struct http_call *call);

/* For a dialect whose failures keep their HTTP status: what a 401 must say (RFC 9110, 11.6.1). */
void dialect_challenge(struct http_call *call, const struct failure *f);

#endif
