/* register_ticket.h - proof, for ten minutes, that WeChat just showed us this phone.
 *
 * Given to a client whose phone nobody has, so that a registration after it need not spend a second
 * phone code. Sealed: the client can neither read nor change it. Stateless; any thread. */
#ifndef LOGINSVC_LOGIN_REGISTER_TICKET_H
#define LOGINSVC_LOGIN_REGISTER_TICKET_H

#include <stdbool.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "crypto/keyring.h"
#include "loginsvc/users/user.h"

#define REGISTER_TICKET_LABEL "register-ticket" /* what to derive its keyring for */

enum {
    REGISTER_TICKET_LIFE_MS = 10 * 60 * 1000,
    REGISTER_TICKET_SIZE = 256, /* of its text, with the NUL */
};

struct register_ticket {
    char appid[USER_APPID_SIZE];
    char phone[USER_PHONE_SIZE];
    char country_code[USER_COUNTRY_CODE_SIZE];
};

void register_ticket_seal(const struct keyring *ring, const struct register_ticket *ticket,
                          wall_ms_t now, char out[REGISTER_TICKET_SIZE]);

/* False, with nothing in *ticket, for what is not a ticket of ours or is over at `now`. */
bool register_ticket_open(const struct keyring *ring, struct slice text, wall_ms_t now,
                          struct register_ticket *ticket) MUST_CHECK;

#endif
