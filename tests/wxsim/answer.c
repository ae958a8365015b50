#include "wxsim/answer.h"

static const char json_type[] = "application/json; encoding=utf-8";
static const char stable_advice[] =
    ", could get access_token by getStableAccessToken, more details "
    "at https://mmbizurl.cn/s/JtxxFh33r";

void answer_begin(struct answer *a, enum answer_style style)
{
    a->http_status = 200;
    a->content_type = style == STYLE_SNS ? "text/plain" : json_type;
    a->errcode = WX_OK;
    a->body = text_init(a->bytes, sizeof a->bytes);
}

void answer_length_required(struct answer *a)
{
    answer_begin(a, STYLE_CGI);
    a->http_status = 412;
    a->content_type = NULL;
}

const char *errcode_text(int errcode)
{
    switch (errcode) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        WX_ERRCODES(X)
#undef X
    }
    return "error";
}

/* Since 2025 these two advise the stable interface. */
static bool has_advice(enum answer_style style, int errcode)
{
    return style != STYLE_SNS && (errcode == WX_BAD_CREDENTIAL || errcode == WX_DAY_LIMIT);
}

static bool has_hint(enum answer_style style, int errcode)
{
    return style == STYLE_WXA &&
           (errcode == WX_BAD_CODE || errcode == WX_BAD_APPID || errcode == WX_BAD_DATA);
}

/* " hint: [A.iFN8ore-wKxRIa]" */
static void add_hint(struct text *t, struct prng *ids)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    text_str(t, " hint: [");
    for (int i = 0; i < 16; i++)
        text_char(t, chars[prng_next(ids) & 63]);
    text_char(t, ']');
}

/* " rid: 64e5d2d0-15ad5486-1e378de4": the first part is the time in seconds. */
static void add_rid(struct text *t, enum answer_style style, wall_ms_t now, struct prng *ids)
{
    uint64_t random = prng_next(ids);
    text_fmt(t, "%s rid: %08x-%08x-%08x", style == STYLE_SNS ? "," : "", (unsigned)(now.ms / 1000),
             (unsigned)(random >> 32), (unsigned)random);
}

void answer_error(struct answer *a, enum answer_style style, int errcode, const char *text,
                  wall_ms_t now, struct prng *ids)
{
    answer_begin(a, style);
    a->errcode = errcode;
    text_fmt(&a->body, "{\"errcode\":%d,\"errmsg\":\"%s", errcode,
             text ? text : errcode_text(errcode));
    if (has_advice(style, errcode))
        text_str(&a->body, stable_advice);
    if (has_hint(style, errcode))
        add_hint(&a->body, ids);
    add_rid(&a->body, style, now, ids);
    text_str(&a->body, "\"}");
}

void answer_add_unknown_fields(struct answer *a)
{
    ASSERT(a->body.n > 0 && a->body.p[a->body.n - 1] == '}');
    a->body.n--;
    text_str(&a->body, ",\"unheard_of\":{\"list\":[1,-2.5e3,null,true,\"\\u6d4b\\/\"]},\"\":0}");
}
