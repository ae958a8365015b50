/* user.h - a user as the store gives it, and the bounds of every field.
 *
 * Plain values, no ownership. Texts end in NUL; the empty text means that it is not known. */
#ifndef USERS_USER_H
#define USERS_USER_H

#include <stdint.h>

#include "base/times.h"

/* Sizes with the NUL. Fill with slice_copy, which refuses what does not fit. */
enum {
    USER_APPID_SIZE = 33,
    USER_OPENID_SIZE = 65,
    USER_UNIONID_SIZE = 65,
    USER_PHONE_SIZE = 25, /* the pure number, without area code */
    USER_COUNTRY_CODE_SIZE = 9,
    USER_NICKNAME_SIZE = 257,
    USER_AVATAR_SIZE = 1025,
    USER_DEVICE_SIZE = 257,
};

struct user {
    int64_t id; /* positive, below 2^53, never given twice */
    char appid[USER_APPID_SIZE];
    char openid[USER_OPENID_SIZE];
    char unionid[USER_UNIONID_SIZE];
    char phone[USER_PHONE_SIZE]; /* personal: for its owner's answers, never for a log */
    char country_code[USER_COUNTRY_CODE_SIZE];
    char nickname[USER_NICKNAME_SIZE];
    char avatar[USER_AVATAR_SIZE];
    wall_ms_t created_at;
    wall_ms_t updated_at;
    wall_ms_t last_login_at;
};

#endif
