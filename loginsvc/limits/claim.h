/* claim.h - what a request claims before it may spend anything, as names that give nothing away.
 *
 * A code or an address appears here, in Redis and in memory only as a digest. Two requests are the
 * same when they have the same fingerprint: codes, client address, app and purpose. Plain values;
 * any thread. */
#ifndef LIMITS_CLAIM_H
#define LIMITS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"
#include "loginsvc/users/user.h"

enum claim_code { CLAIM_LOGIN_CODE, CLAIM_PHONE_CODE, CLAIM_TICKET, CLAIM_CODES_MAX };

enum { CLAIM_NAME_SIZE = 33 }; /* 128 bits in hex, with NUL */

struct claim {
    char appid[USER_APPID_SIZE];
    char fingerprint[CLAIM_NAME_SIZE];
    char codes[CLAIM_CODES_MAX][CLAIM_NAME_SIZE]; /* each can be spent once; n_codes are used */
    int n_codes;
    char address[CLAIM_NAME_SIZE]; /* whose logins are counted; "" = nobody's */
    int64_t user_id;               /* whose phone exchanges are counted; 0 = not known yet */
    bool phone;                    /* a phone code is to be exchanged: WeChat is paid for it */
};

/* All borrowed. */
struct claim_request {
    struct slice appid;
    const char *purpose;                 /* "login": what the codes are for */
    struct slice codes[CLAIM_CODES_MAX]; /* by claim_code; empty ones are skipped */
    struct slice address;                /* of the client, whatever its form */
    struct slice counted_address;        /* empty: no limit counts it */
    int64_t user_id;
    bool phone;
};

/* `names` hides addresses: a ring derived for CLAIM_NAMES_LABEL. */
void claim_init(struct claim *c, const struct claim_request *r, const struct keyring *names);

#define CLAIM_NAMES_LABEL "loginsvc claims"

#endif
