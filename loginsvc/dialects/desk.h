/* desk.h - one dialect at work: reads a login as the dialect spells it, has it carried out, and
 * lets the dialect write the answer.
 *
 * A dialect is data and two writers (struct dialect); adding one adds a file. A login under way
 * holds the call's id: a call that was answered meanwhile (time-out, shutdown) is not found again.
 * Loop thread only. */
#ifndef LOGINSVC_DIALECTS_DESK_H
#define LOGINSVC_DIALECTS_DESK_H

#include <jansson.h>

#include "base/check.h"
#include "crypto/keyring.h"
#include "http/server.h"
#include "loginsvc/dialects/failure.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/sessions/jwt.h"
#include "metrics/metrics.h"

/* What all desks share. All borrowed; they outlive the desks. */
struct desk_parts {
    struct http_server *server;
    struct login_driver *driver;
    const struct apps *apps;
    const struct jwt_signer *signer;
    const struct keyring *tickets; /* derived for REGISTER_TICKET_LABEL */
    struct metrics *metrics;       /* with desk_metrics_register done */
};

/* Names of the fields of a login's body; NULL where the dialect has no such field. */
struct dialect_fields {
    const char *login_code, *phone_code, *nickname, *avatar, *device;
};

enum dialect_requires {
    DIALECT_EITHER_CODE, /* one of the two codes at least */
    DIALECT_BOTH_CODES,
};

struct dialect {
    const char *name; /* for logs and metrics */
    struct dialect_fields fields;
    enum dialect_requires requires;
    struct slice (*token)(const struct http_call *call); /* the caller's JWT, p NULL for none */
    /* Each replies to the call. `answer`: LOGIN_OK or LOGIN_NOT_REGISTERED. */
    void (*answer)(struct http_call *call, const struct login_answer *a,
                   const struct desk_parts *p);
    void (*fail)(struct http_call *call, const struct failure *f);
};

struct desk; /* opaque */

/* Once for all desks. */
void desk_metrics_register(struct metrics *m);

/* Both borrowed. */
struct desk *desk_new(const struct desk_parts *parts, const struct dialect *dialect) MUST_CHECK;
void desk_free(struct desk *d); /* NULL is allowed */

/* Replies to the call, now or when the login ended. */
void desk_login(struct desk *d, struct http_call *call);

/* True with *claims when the call carries a good token of ours. Else the dialect's `fail` has
 * replied, with UNAUTHORIZED (none) or INVALID_TOKEN. */
bool desk_authorize(struct desk *d, struct http_call *call, struct jwt_claims *claims) MUST_CHECK;

/* Replies with *body, which is taken; NULL (a text that is not UTF-8) replies 500. */
void desk_reply_json(struct http_call *call, int status, json_t *body);

#endif
