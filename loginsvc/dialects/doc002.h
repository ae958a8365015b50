/* doc002.h - the dialect of document 002: {"code","message","data"}, HTTP status always 200. */
#ifndef LOGINSVC_DIALECTS_DOC002_H
#define LOGINSVC_DIALECTS_DOC002_H

#include "loginsvc/dialects/desk.h"

/* To be embedded; zeroed before doc002_open. */
struct doc002 {
    const struct dialect_parts *parts;
    struct desk *login;
};

/* Adds POST /api/user/login and /api/user/checkToken; *d outlives the server's last call. */
void doc002_open(struct doc002 *d, const struct dialect_parts *p);
void doc002_close(struct doc002 *d);

#endif
