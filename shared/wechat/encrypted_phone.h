/* encrypted_phone.h - the phone number that a mini program got as encryptedData and iv: the way of
 * before 2021, when the user's session_key was the key. request.h has today's.
 *
 * AES-128-CBC with PKCS#7 padding over the JSON of phone_info.h. The client chooses encryptedData
 * and iv freely, and CBC does not show who wrote a text: the answer is one for every fault, and so
 * is the work, or whoever asks often enough reads any text that was encrypted with this key.
 * Source: developers.weixin.qq.com, "signature" and "deprecatedGetPhoneNumber". Pure: no clock, no
 * socket; any thread. */
#ifndef WECHAT_ENCRYPTED_PHONE_H
#define WECHAT_ENCRYPTED_PHONE_H

#include <stdbool.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "wechat/phone_info.h"

enum {
    ENCRYPTED_PHONE_TEXT_MAX = 1368, /* characters of encryptedData: 1 KiB; some 200 are usual */
    ENCRYPTED_PHONE_MAX_AGE_MS = 10 * 60 * 1000,
    ENCRYPTED_PHONE_MAX_AHEAD_MS = 5 * 60 * 1000, /* WeChat's clock against ours */
};

/* All borrowed. The first three are base64 text (RFC 4648, padded), as WeChat gives them. */
struct encrypted_phone {
    struct slice session_key; /* of 16 bytes: the user's, from his last login */
    struct slice data;        /* e.detail.encryptedData, at most ENCRYPTED_PHONE_TEXT_MAX */
    struct slice iv;          /* e.detail.iv, of 16 bytes */
    struct slice appid;       /* ours: the number must have been given to us */
};

/* True with *out when it is a number that a user gave to this app within the last
 * ENCRYPTED_PHONE_MAX_AGE_MS. False for every other reason, *out is then all zeros: the user should
 * log in again (wx.login) and tap again. Our copies of the plain text are wiped either way. */
bool encrypted_phone_open(const struct encrypted_phone *in, wall_ms_t now,
                          struct wechat_phone *out) MUST_CHECK;

#endif
