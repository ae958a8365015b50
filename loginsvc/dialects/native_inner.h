/* native_inner.h - what the files of the native dialect share. Inner header of dialects/. */
#ifndef LOGINSVC_DIALECTS_NATIVE_INNER_H
#define LOGINSVC_DIALECTS_NATIVE_INNER_H

#include "base/list.h"
#include "base/slots.h"
#include "loginsvc/dialects/bearer.h"
#include "loginsvc/dialects/body.h"
#include "loginsvc/dialects/desk.h"
#include "loginsvc/dialects/native.h"

struct native {
    const struct dialect_parts *parts;
    struct desk *login, *register_, *phone;
    struct slots *refreshes; /* struct refresh of native_sessions.c, by id ... */
    struct list refreshing;  /* ... and to free them */
};

extern const struct dialect native_dialect;

/* A user as its owner sees it. */
json_t *native_user(const struct user *u);

/* What binding a phone replies. */
void native_answer_phone(struct http_call *call, const struct user *u);

void native_fail(struct http_call *call, enum failure_kind kind);

/* The call's body, to be ended by body_deinit; false when the failure has been replied. */
bool native_read_body(struct http_call *call, struct body *body) MUST_CHECK;

/* The call with that id, NULL when it was answered meanwhile. When the store failed, the failure
 * has been replied and NULL is given. */
struct http_call *native_call(const struct native *n, uint64_t id, const struct store_result *r);

/* The store took the operation, or the failure has been replied. */
void native_started(struct http_call *call, bool accepted);

/* Tells all processes which sessions an operation of the store has ended. */
void native_announce(const struct native *n, const struct store_session *ended, size_t count);

/* When the last JWT that was given out before `now` is over. */
wall_ms_t native_jwt_end(const struct native *n, wall_ms_t now);

/* Routes of the other files. */
void native_sessions_routes(struct native *n);
void native_sessions_free(struct native *n);
void native_me_routes(struct native *n);
void native_decrypt_routes(struct native *n);

#endif
