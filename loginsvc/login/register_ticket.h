/* register_ticket.h - proof, for ten minutes, that WeChat just showed us this phone.
 *
 * Given to a client whose phone nobody has, so that a registration after it need not spend a second
 * phone code. Sealed: the client can neither read nor change it. It is good for one registration:
 * its id is what the store remembers. Any thread. */
#ifndef LOGINSVC_LOGIN_REGISTER_TICKET_H
#define LOGINSVC_LOGIN_REGISTER_TICKET_H

#include <stdbool.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "crypto/keyring.h"
#include "loginsvc/users/store.h"
#include "loginsvc/users/user.h"

#define REGISTER_TICKET_LABEL "register-ticket" /* what to derive its keyring for */

enum {
    REGISTER_TICKET_LIFE_MS = 10 * 60 * 1000,
    REGISTER_TICKET_SIZE = 256, /* of its text, with the NUL */
};

struct register_ticket {
    char id[STORE_TICKET_SIZE];
    wall_ms_t expires_at;
    char appid[USER_APPID_SIZE];
    char phone[USER_PHONE_SIZE];
    char country_code[USER_COUNTRY_CODE_SIZE];
};

/* Writes the text of a new ticket for this phone, which begins to live now. */
void register_ticket_make(const struct keyring *ring, const char *appid, const char *phone,
                          const char *country_code, wall_ms_t now, char out[REGISTER_TICKET_SIZE]);

/* False, with nothing in *ticket, for what is not a ticket of ours or is over at `now`. */
bool register_ticket_open(const struct keyring *ring, struct slice text, wall_ms_t now,
                          struct register_ticket *ticket) MUST_CHECK;

#endif
