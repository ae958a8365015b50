/* outcome.h - all that a login gave: its result, its user and tokens, and what WeChat said.
 *
 * A plain value that holds secrets and a phone: wiped by whoever has one, never for a log. */
#ifndef LOGINSVC_LOGIN_OUTCOME_H
#define LOGINSVC_LOGIN_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "loginsvc/login/core.h"
#include "loginsvc/login/register_ticket.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/session.h"
#include "loginsvc/users/user.h"
#include "wechat/api.h"

enum { SESSION_KEY_TEXT_SIZE = 25 }; /* base64 of 16 bytes, with NUL */

struct login_outcome {
    struct login_result result;
    struct login_result phone_result; /* of a lenient login: why it has no phone */
    char rid[WECHAT_RID_SIZE];        /* WeChat's id of the request that decided; may be "" */

    struct user user; /* OK, but for LOGIN_SHOW_PHONE; else its id is 0 */
    bool is_new;      /* created by this login */
    int64_t expires_in_s;
    char access_token[JWT_TEXT_MAX + 1];            /* "": it gives no session */
    char refresh_token[SESSION_REFRESH_TOKEN_SIZE]; /* likewise */
    char register_ticket[REGISTER_TICKET_SIZE];     /* NOT_REGISTERED */

    /* What WeChat gave; "" what it was not asked for. */
    char openid[USER_OPENID_SIZE];
    char unionid[USER_UNIONID_SIZE];
    char session_key[SESSION_KEY_TEXT_SIZE];
    char phone[USER_PHONE_SIZE];
    char country_code[USER_COUNTRY_CODE_SIZE];
};

#endif
