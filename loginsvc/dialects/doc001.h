/* doc001.h - the dialect of document 001: {"code","message","data"}, and a phone that may fail
 * without failing the login. */
#ifndef LOGINSVC_DIALECTS_DOC001_H
#define LOGINSVC_DIALECTS_DOC001_H

#include "loginsvc/dialects/desk.h"

/* To be embedded; zeroed before doc001_open. */
struct doc001 {
    struct desk *login;
};

/* Adds POST /api/user/thirdLogin; *d outlives the server's last call. */
void doc001_open(struct doc001 *d, const struct dialect_parts *p);
void doc001_close(struct doc001 *d);

#endif
