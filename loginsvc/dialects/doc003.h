/* doc003.h - the dialect of document 003: a cloud function as an endpoint, {"success",...}, HTTP
 * status always 200. */
#ifndef LOGINSVC_DIALECTS_DOC003_H
#define LOGINSVC_DIALECTS_DOC003_H

#include "loginsvc/dialects/desk.h"

/* To be embedded; zeroed before doc003_open. */
struct doc003 {
    struct desk *phone;
};

/* Adds POST /api/functions/decryptPhoneNumber; *d outlives the server's last call. */
void doc003_open(struct doc003 *d, const struct dialect_parts *p);
void doc003_close(struct doc003 *d);

#endif
