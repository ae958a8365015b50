/* desk.h - an endpoint that takes one-time codes: reads them as its dialect spells them, has the
 * login carried out, and lets the dialect write the answer.
 *
 * What an endpoint is, is data (struct desk_form). A login under way holds the call's id: a call
 * that was answered meanwhile (time-out, shutdown) is not found again. Loop thread only. */
#ifndef LOGINSVC_DIALECTS_DESK_H
#define LOGINSVC_DIALECTS_DESK_H

#include "base/check.h"
#include "loginsvc/dialects/dialect.h"

/* What an endpoint asks for and gives. */
struct desk_form {
    /* Names of the fields of the body; NULL where the endpoint has no such field. */
    const char *login_code, *phone_code, *ticket, *nickname, *avatar, *device;
    /* What a request with both codes, or one of them, or a ticket alone is; LOGIN_NO_KIND:
     * something is missing. A ticket is required where the form has one. */
    enum login_kind both, login_alone, phone_alone, ticket_alone;
    bool for_user; /* of the user whose JWT the call carries */
    /* Replies to the call: LOGIN_OK, or LOGIN_NOT_REGISTERED where a phone alone is a login. */
    void (*answer)(struct http_call *call, const struct login_outcome *o);
};

struct desk; /* opaque */

/* Once for all desks. */
void desk_metrics_register(struct metrics *m);

/* All borrowed. */
struct desk *desk_new(const struct dialect_parts *parts, const struct dialect *dialect,
                      const struct desk_form *form) MUST_CHECK;
void desk_free(struct desk *d); /* NULL is allowed */

/* http_handler_fn with the desk: replies to the call, now or when the login ended. */
void desk_handle(struct http_call *call, void *desk);

#endif
