#include "wechat/phone_info.h"

#include "wechat/ascii.h"
#include "wechat/field.h"

enum {
    DIGITS_MIN = 3, /* the shortest numbers there are */
    COUNTRY_DIGITS_MAX = 4,
};

static const int64_t timestamp_max_s = 253402300799; /* the end of the year 9999 */

static bool read_number(const json_t *value, char out[WECHAT_PHONE_MAX + 1])
{
    if (!field_text(value, out, WECHAT_PHONE_MAX + 1))
        return false;
    struct slice digits = slice_of(out);
    if (slice_starts(digits, "+"))
        digits = (struct slice){digits.p + 1, digits.n - 1};
    return ascii_only(digits, DIGITS_MIN, WECHAT_PHONE_MAX, ascii_digit);
}

bool phone_info_read(const json_t *info, struct wechat_phone *out)
{
    const json_t *code = json_object_get(info, "countryCode");
    return read_number(json_object_get(info, "phoneNumber"), out->phone_number) &&
           read_number(json_object_get(info, "purePhoneNumber"), out->pure_number) &&
           field_text(code, out->country_code, sizeof out->country_code) &&
           ascii_only(slice_of(out->country_code), 1, COUNTRY_DIGITS_MAX, ascii_digit);
}

static const json_t *watermark(const json_t *info, const char *name)
{
    return json_object_get(json_object_get(info, "watermark"), name);
}

struct slice phone_info_appid(const json_t *info)
{
    return field_string(watermark(info, "appid"));
}

bool phone_info_timestamp_s(const json_t *info, int64_t *out)
{
    return field_int(watermark(info, "timestamp"), 0, timestamp_max_s, out);
}
