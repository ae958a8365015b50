#include "wechat/answer.h"

#include <jansson.h>
#include <string.h>

#include "wechat/ascii.h"
#include "wechat/field.h"
#include "wechat/phone_info.h"

enum {
    HTTP_OK = 200,
    SESSION_KEY_LEN = 24, /* base64 of 16 bytes: 22 characters and "==" */
    IP_TEXT_MAX = 45,     /* the longest textual IPv6 address */
    RID_GROUP_LEN = 8,
};

/* ---- how a call went ---- */

bool wechat_certainly_not_done(const struct wechat_reply *r)
{
    return r->outcome == WECHAT_NOT_SENT ||
           (r->outcome == WECHAT_REFUSED && r->errcode != WECHAT_BUSY);
}

const char *wechat_outcome_name(enum wechat_outcome o)
{
    switch (o) {
    case WECHAT_DONE:
        return "done";
    case WECHAT_REFUSED:
        return "refused";
    case WECHAT_NOT_SENT:
        return "not_sent";
    case WECHAT_UNKNOWN:
        return "unknown";
    }
    return "?";
}

static void set_not_an_answer(struct wechat_reply *reply, const char *why)
{
    reply->outcome = WECHAT_UNKNOWN;
    reply->error_class = ERR_UNKNOWN;
    err_set(&reply->error, "not an answer of WeChat: %s (HTTP %d)", why, reply->http_status);
}

static struct slice without_first(struct slice s, size_t n)
{
    return (struct slice){s.p + n, s.n - n};
}

/* ---- fields, each absent or in the wrong form = false ---- */

static bool read_openid(const json_t *value, char out[WECHAT_OPENID_MAX + 1])
{
    return ascii_only(field_string(value), 1, WECHAT_OPENID_MAX, ascii_identifier) &&
           slice_copy(field_string(value), out, WECHAT_OPENID_MAX + 1);
}

static bool is_session_key(struct slice s)
{
    return s.n == SESSION_KEY_LEN && ascii_span(s, ascii_base64) == SESSION_KEY_LEN - 2 &&
           slice_is(without_first(s, SESSION_KEY_LEN - 2), "==");
}

/* ---- the frame of every answer ---- */

/* errmsg ends in "rid: 8hex-8hex-8hex". The rest of its wording is not taken over: it varies, and
 * a peer wrote it. */
static void read_rid(struct wechat_reply *reply, struct slice errmsg)
{
    static const char mark[] = "rid: ";
    size_t n = WECHAT_RID_SIZE - 1, tail = n + strlen(mark);
    if (errmsg.n < tail || !slice_starts(without_first(errmsg, errmsg.n - tail), mark))
        return;
    struct slice rid = without_first(errmsg, errmsg.n - n), rest = rid;
    for (int i = 0; i < 3; i++) {
        if (!ascii_only(slice_cut(&rest, '-'), RID_GROUP_LEN, RID_GROUP_LEN, ascii_hex))
            return;
    }
    bool fits = slice_copy(rid, reply->rid, sizeof reply->rid);
    ASSERT(fits);
}

/* 40164's errmsg names the address that WeChat saw: what the operator must put on the whitelist. */
static struct slice find_seen_ip(struct slice errmsg)
{
    static const char mark[] = "invalid ip ";
    if (!slice_starts(errmsg, mark))
        return (struct slice){NULL, 0};
    struct slice ip = without_first(errmsg, strlen(mark));
    ip.n = ascii_span(ip, ascii_ip);
    return ip.n <= IP_TEXT_MAX ? ip : (struct slice){NULL, 0};
}

void wechat_reply_refuse(struct wechat_reply *r, int errcode, enum err_class error_class)
{
    r->outcome = WECHAT_REFUSED;
    r->errcode = errcode;
    r->error_class = error_class;
    err_set(&r->error, "%s by its form (%d): WeChat was not asked", wechat_errcode_text(errcode),
            errcode);
}

static void set_refused(struct wechat_reply *reply, int errcode, enum err_class error_class,
                        struct slice errmsg)
{
    wechat_reply_refuse(reply, errcode, error_class);
    read_rid(reply, errmsg);
    struct slice ip = find_seen_ip(errmsg);
    bool name_ip = errcode == WECHAT_IP_NOT_ALLOWED && ip.n > 0;
    err_set(&reply->error, "WeChat %d: %s%s%.*s%s%s%s", errcode, wechat_errcode_text(errcode),
            name_ip ? ": " : "", name_ip ? (int)ip.n : 0, name_ip ? ip.p : "",
            reply->rid[0] ? " (rid " : "", reply->rid, reply->rid[0] ? ")" : "");
}

static void close_answer(json_t *answer)
{
    field_wipe(answer, "access_token");
    field_wipe(answer, "session_key");
    json_decref(answer);
}

static json_t *load_object(struct wechat_reply *reply, struct slice body)
{
    if (reply->http_status != HTTP_OK || body.n == 0 || body.n > WECHAT_ANSWER_MAX) {
        set_not_an_answer(reply, "unexpected status or size");
        return NULL;
    }
    json_t *answer = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer)) {
        set_not_an_answer(reply, "no JSON object");
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* The answer as an object when it carries no errcode or 0, to be given to close_answer; else NULL
 * and *reply says what it was. */
static json_t *open_answer(struct wechat_reply *reply, enum err_class (*class_of)(int),
                           int http_status, struct slice body)
{
    *reply = (struct wechat_reply){.http_status = http_status};
    json_t *answer = load_object(reply, body);
    if (!answer)
        return NULL;
    const json_t *value = json_object_get(answer, "errcode");
    int64_t errcode = 0;
    if (value && !field_int(value, INT32_MIN, INT32_MAX, &errcode)) {
        set_not_an_answer(reply, "errcode is no number");
    } else if (errcode != 0) {
        set_refused(reply, (int)errcode, class_of((int)errcode),
                    field_string(json_object_get(answer, "errmsg")));
    } else {
        return answer;
    }
    close_answer(answer);
    return NULL;
}

/* ---- the four answers ---- */

/* A fraction of a second is left out: a life is never made longer. */
static bool read_expires_in(const json_t *value, int64_t *out_s)
{
    if (!json_is_real(value))
        return field_int(value, 1, WECHAT_EXPIRES_MAX, out_s);
    double s = json_real_value(value);
    if (!(s >= 1 && s <= (double)WECHAT_EXPIRES_MAX))
        return false;
    *out_s = (int64_t)s;
    return true;
}

static bool read_token(const json_t *answer, struct wechat_token_result *out)
{
    struct slice token = field_string(json_object_get(answer, "access_token"));
    if (!ascii_only(token, 1, WECHAT_TOKEN_MAX, ascii_printable) ||
        !read_expires_in(json_object_get(answer, "expires_in"), &out->expires_in_s))
        return false;
    secret_set(&out->access_token, token);
    return true;
}

void wechat_parse_token(struct wechat_token_result *out, int http_status, struct slice body)
{
    *out = (struct wechat_token_result){0};
    json_t *answer = open_answer(&out->reply, wechat_class_by_secret, http_status, body);
    if (!answer)
        return;
    if (!read_token(answer, out))
        set_not_an_answer(&out->reply, "no usable access_token with expires_in");
    close_answer(answer);
}

static bool read_session(const json_t *answer, struct wechat_session_result *out)
{
    const json_t *unionid = json_object_get(answer, "unionid");
    struct slice key = field_string(json_object_get(answer, "session_key"));
    if (!read_openid(json_object_get(answer, "openid"), out->openid))
        return false;
    if (field_string(unionid).n > 0 && !read_openid(unionid, out->unionid))
        return false;
    if (is_session_key(key))
        secret_set(&out->session_key, key);
    return true;
}

void wechat_parse_session(struct wechat_session_result *out, int http_status, struct slice body)
{
    *out = (struct wechat_session_result){0};
    json_t *answer = open_answer(&out->reply, wechat_class_by_secret, http_status, body);
    if (!answer)
        return;
    if (!read_session(answer, out))
        set_not_an_answer(&out->reply, "no usable openid");
    close_answer(answer);
}

static void take_phone(struct wechat_phone_result *out, const struct wechat_phone *phone)
{
    memcpy(out->phone_number, phone->phone_number, sizeof out->phone_number);
    memcpy(out->pure_number, phone->pure_number, sizeof out->pure_number);
    memcpy(out->country_code, phone->country_code, sizeof out->country_code);
}

void wechat_parse_phone(struct wechat_phone_result *out, int http_status, struct slice body,
                        struct slice appid)
{
    *out = (struct wechat_phone_result){0};
    json_t *answer = open_answer(&out->reply, wechat_class_by_token, http_status, body);
    if (!answer)
        return;
    const json_t *info = json_object_get(answer, "phone_info");
    struct slice about = phone_info_appid(info);
    struct wechat_phone phone;
    if (!about.p || !phone_info_read(info, &phone)) {
        set_not_an_answer(&out->reply, "no usable phone_info");
    } else if (!slice_eq(about, appid)) {
        set_not_an_answer(&out->reply, "its watermark names another appid");
        out->reply.error_class = ERR_OPERATOR;
    } else {
        take_phone(out, &phone);
    }
    bytes_wipe(&phone, sizeof phone);
    close_answer(answer);
}

void wechat_parse_probe(struct wechat_probe_result *out, int http_status, struct slice body)
{
    *out = (struct wechat_probe_result){0};
    json_t *answer = open_answer(&out->reply, wechat_class_by_token, http_status, body);
    if (!answer)
        return;
    if (!json_is_array(json_object_get(answer, "ip_list")) && !json_object_get(answer, "errcode"))
        set_not_an_answer(&out->reply, "neither ip_list nor errcode");
    close_answer(answer);
}

void wechat_token_result_deinit(struct wechat_token_result *r)
{
    secret_wipe(&r->access_token);
}

void wechat_session_result_deinit(struct wechat_session_result *r)
{
    secret_wipe(&r->session_key);
}

void wechat_phone_result_deinit(struct wechat_phone_result *r)
{
    bytes_wipe(r, sizeof *r);
}
