/* doc002.h - the dialect of document 002: {"code","message","data"}, HTTP status always 200. */
#ifndef LOGINSVC_DIALECTS_DOC002_H
#define LOGINSVC_DIALECTS_DOC002_H

#include "loginsvc/dialects/desk.h"

extern const struct dialect doc002;

/* Adds POST /api/user/login and /api/user/checkToken; the desk is of the dialect above. */
void doc002_routes(struct http_server *s, struct desk *desk);

#endif
