/* native.h - our own dialect: /v1, HTTP's own status numbers, errors as RFC 9457. */
#ifndef LOGINSVC_DIALECTS_NATIVE_H
#define LOGINSVC_DIALECTS_NATIVE_H

#include "loginsvc/dialects/desk.h"

extern const struct dialect native;

/* Adds POST /v1/login and GET /v1/verify; the desk is of the dialect above. */
void native_routes(struct http_server *s, struct desk *desk);

#endif
