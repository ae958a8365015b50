/* doc000.h - the dialect of document 000: {"success","token","user"},
 * {"success","error","errcode"}.
 */
#ifndef LOGINSVC_DIALECTS_DOC000_H
#define LOGINSVC_DIALECTS_DOC000_H

#include "loginsvc/dialects/desk.h"

/* To be embedded; zeroed before doc000_open. */
struct doc000 {
    struct desk *login, *phone;
};

/* Adds POST /api/auth/wechat and /api/auth/phone; *d outlives the server's last call. */
void doc000_open(struct doc000 *d, const struct dialect_parts *p);
void doc000_close(struct doc000 *d);

#endif
