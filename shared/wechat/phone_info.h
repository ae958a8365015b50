/* phone_info.h - a phone number as WeChat writes it in JSON, the same in the answer to a phone code
 * and under encryptedData:
 *
 *   {"phoneNumber", "purePhoneNumber", "countryCode", "watermark": {"timestamp", "appid"}}
 *
 * countryCode is a string or a number, unknown members are skipped. Pure, any thread. */
#ifndef WECHAT_PHONE_INFO_H
#define WECHAT_PHONE_INFO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

enum {
    WECHAT_PHONE_MAX = 24, /* a plus, a country code, and E.164's 15 digits */
    WECHAT_COUNTRY_CODE_SIZE = 8,
};

struct wechat_phone {
    char phone_number[WECHAT_PHONE_MAX + 1];     /* with area code when not from mainland China */
    char pure_number[WECHAT_PHONE_MAX + 1];      /* without */
    char country_code[WECHAT_COUNTRY_CODE_SIZE]; /* digits: "86" */
};

/* False when one of the three is missing or no number; *out may then hold a part. info may be
 * NULL. */
bool phone_info_read(const json_t *info, struct wechat_phone *out) MUST_CHECK;

/* Whose app the number was given to; empty when it is not said. Borrowed from info. */
struct slice phone_info_appid(const json_t *info);

/* When the person agreed, in Unix seconds; false when it is not said. */
bool phone_info_timestamp_s(const json_t *info, int64_t *out) MUST_CHECK;

#endif
