#include "wechat/encrypted_phone.h"

#include "base/secret.h"
#include "crypto/base64.h"
#include "crypto/cbc.h"
#include "wechat/field.h"

struct decoded {
    uint8_t key[CBC_KEY_SIZE], iv[CBC_BLOCK_SIZE];
    uint8_t data[BASE64_BYTES_MAX(ENCRYPTED_PHONE_TEXT_MAX)];
    size_t n; /* of data */
};

static bool decode_exactly(struct slice text, uint8_t *out, size_t size)
{
    size_t n = 0;
    return base64_decode(BASE64_STANDARD, text, out, size, &n) && n == size;
}

/* What it refuses says nothing about the key: the client knows these sizes and characters. */
static bool decode(const struct encrypted_phone *in, struct decoded *d)
{
    return decode_exactly(in->session_key, d->key, sizeof d->key) &&
           decode_exactly(in->iv, d->iv, sizeof d->iv) && in->data.n <= ENCRYPTED_PHONE_TEXT_MAX &&
           base64_decode(BASE64_STANDARD, in->data, d->data, sizeof d->data, &d->n) && d->n > 0 &&
           d->n % CBC_BLOCK_SIZE == 0;
}

static bool is_fresh(const json_t *info, wall_ms_t now)
{
    int64_t at_s;
    if (!phone_info_timestamp_s(info, &at_s))
        return false;
    int64_t age_ms = wall_between((wall_ms_t){at_s * 1000}, now);
    return age_ms <= ENCRYPTED_PHONE_MAX_AGE_MS && age_ms >= -ENCRYPTED_PHONE_MAX_AHEAD_MS;
}

/* Bad padding goes the same way as good: the text is parsed as it is, with the bytes that are no
 * padding, every member is looked at, and only then all findings count together. */
static bool read_plain(const uint8_t *plain, size_t n, const struct encrypted_phone *in,
                       wall_ms_t now, struct wechat_phone *out)
{
    size_t length = cbc_unpadded_length(plain, n);
    json_t *info = json_loadb((const char *)plain, length, JSON_REJECT_DUPLICATES, NULL);
    bool padded = length < n;
    bool complete = phone_info_read(info, out);
    bool ours = slice_eq(phone_info_appid(info), in->appid);
    bool fresh = is_fresh(info, now);
    field_wipe(info, "phoneNumber");
    field_wipe(info, "purePhoneNumber");
    json_decref(info);
    return padded & complete & ours & fresh;
}

bool encrypted_phone_open(const struct encrypted_phone *in, wall_ms_t now, struct wechat_phone *out)
{
    struct decoded d = {.n = 0};
    uint8_t plain[sizeof d.data];
    bool ok = false;
    *out = (struct wechat_phone){.country_code = ""};
    if (decode(in, &d)) {
        cbc_decrypt(d.key, d.iv, (struct slice){(const char *)d.data, d.n}, plain);
        ok = read_plain(plain, d.n, in, now, out);
        bytes_wipe(plain, sizeof plain);
    }
    bytes_wipe(d.key, sizeof d.key);
    if (!ok)
        bytes_wipe(out, sizeof *out);
    return ok;
}
