#include "wxsim/phone_data.h"

#include <string.h>

#include <openssl/evp.h>

#include "sys/entropy.h"

enum { BLOCK = 16, DECODED_KEY_SIZE = SESSION_KEY_CHARS / 4 * 3 };

void phone_data_write(struct text *out, const struct app *a, const struct phone *phone)
{
    bool foreign = strcmp(phone->country, "86") != 0;
    const char *quote = a->country_code_number ? "" : "\"";
    text_fmt(out, "{\"phoneNumber\":\"%s%s\",\"purePhoneNumber\":\"%s\",\"countryCode\":%s%s%s,",
             foreign ? phone->country : "", phone->number, phone->number, quote, phone->country,
             quote);
    text_fmt(out, "\"watermark\":{\"timestamp\":%lld,\"appid\":\"%s\"}}",
             (long long)(phone->tapped_at.ms / 1000), a->appid);
}

/* Pads as PKCS#7 says. Returns the number of bytes in `out`. */
static int encrypt(const uint8_t key[BLOCK], const uint8_t iv[BLOCK], struct slice json,
                   uint8_t out[PHONE_DATA_JSON_MAX + BLOCK])
{
    int body = 0, rest = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ASSERT(ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, iv) == 1);
    ASSERT(EVP_EncryptUpdate(ctx, out, &body, (const uint8_t *)json.p, (int)json.n) == 1);
    ASSERT(EVP_EncryptFinal_ex(ctx, out + body, &rest) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return body + rest;
}

void phone_data_encrypt(const char session_key[SESSION_KEY_CHARS + 1], const struct app *a,
                        const struct phone *phone, struct phone_data *out)
{
    char json[PHONE_DATA_JSON_MAX + 1];
    uint8_t key[DECODED_KEY_SIZE], iv[BLOCK], bytes[PHONE_DATA_JSON_MAX + BLOCK];
    struct text t = text_init(json, sizeof json);
    phone_data_write(&t, a, phone);
    ASSERT(!t.cut);
    ASSERT(EVP_DecodeBlock(key, (const uint8_t *)session_key, SESSION_KEY_CHARS) == sizeof key);
    entropy_fill(iv, sizeof iv);
    int n = encrypt(key, iv, (struct slice){t.p, t.n}, bytes);
    EVP_EncodeBlock((uint8_t *)out->encrypted, bytes, n);
    EVP_EncodeBlock((uint8_t *)out->iv, iv, sizeof iv);
}
