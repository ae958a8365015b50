/* phone_data.h - a phone number as WeChat gives it: the JSON, and what getPhoneNumber's e.detail
 * carried before there were codes, the same JSON encrypted under the user's session_key.
 *
 * Asks OpenSSL itself, so that the product's decryption is held against something else. Any
 * thread. */
#ifndef WXSIM_PHONE_DATA_H
#define WXSIM_PHONE_DATA_H

#include "wxsim/app.h"
#include "wxsim/book.h"

enum {
    PHONE_DATA_JSON_MAX = 400,
    PHONE_DATA_TEXT_SIZE = (PHONE_DATA_JSON_MAX + 16 + 2) / 3 * 4 + 1,
    PHONE_DATA_IV_SIZE = 25, /* base64 of 16 bytes, and NUL */
};

/* Adds {"phoneNumber", "purePhoneNumber", "countryCode", "watermark"}. Numbers of the mainland (86)
 * stand alone; others carry their country's code in front. */
void phone_data_write(struct text *out, const struct app *a, const struct phone *phone);

/* e.detail.encryptedData and e.detail.iv. */
struct phone_data {
    char encrypted[PHONE_DATA_TEXT_SIZE];
    char iv[PHONE_DATA_IV_SIZE];
};

/* session_key as book.h gives it. The iv is a new one each time. */
void phone_data_encrypt(const char session_key[SESSION_KEY_CHARS + 1], const struct app *a,
                        const struct phone *phone, struct phone_data *out);

#endif
