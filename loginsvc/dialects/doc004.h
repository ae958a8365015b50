/* doc004.h - the dialect of document 004: {"data":{"code","msg",...}}, a login by phone alone. */
#ifndef LOGINSVC_DIALECTS_DOC004_H
#define LOGINSVC_DIALECTS_DOC004_H

#include "loginsvc/dialects/desk.h"

/* To be embedded; zeroed before doc004_open. */
struct doc004 {
    struct desk *login;
};

/* Adds /getPhoneNumber, with and without a slash at its end, POST and GET; *d outlives the server's
 * last call. */
void doc004_open(struct doc004 *d, const struct dialect_parts *p);
void doc004_close(struct doc004 *d);

#endif
