/* api.h - requests to api.weixin.qq.com and their answers, as bytes: builds and parses, sends
 * nothing.
 *
 * Pure: no clock, no socket, no global; any thread. Builders fill a request that its caller owns
 * and wipes (it holds secrets). Parsers take an HTTP status and a body of any content and give a
 * typed result that its caller frees with the matching _deinit; whatever the type, `reply` says how
 * it went. A peer decides nothing about memory: every field has a bound, and an answer beyond it is
 * not an answer.
 *
 * JSON is read whatever the Content-Type, numbers may be strings and the reverse, unknown fields
 * are skipped. Refused as "not an answer": duplicate keys, NUL in a string, bytes after the object,
 * nesting beyond jansson's limit of 2048 levels. */
#ifndef WECHAT_API_H
#define WECHAT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "wechat/errcode.h"

enum {
    WECHAT_APPID_MAX = 64,
    WECHAT_APPSECRET_MAX = 128,
    WECHAT_CODE_MAX = 256,  /* login codes have 32 characters today, phone codes 64 */
    WECHAT_TOKEN_MAX = 512, /* the documentation asks for room for 512 */
    WECHAT_OPENID_MAX = 64,
    WECHAT_PHONE_MAX = 24,      /* E.164 allows 15 digits and a plus; phoneNumber may repeat it */
    WECHAT_EXPIRES_MAX = 86400, /* 7200 today, "may change"; beyond a day it is no token's life */
    WECHAT_ANSWER_MAX = 64 * 1024,
    WECHAT_RID_SIZE = 27, /* 8hex-8hex-8hex and NUL */
};

/* ---- requests ---- */

struct wechat_request {
    bool post;
    const char *path;  /* static, without the query: the only part that may be logged */
    char target[2048]; /* path and query, NUL-terminated; holds secrets */
    size_t target_len;
    char body[1024]; /* JSON of a POST, NUL-terminated; holds secrets */
    size_t body_len;
};

enum wechat_token_mode {
    WECHAT_CLASSIC,       /* GET /cgi-bin/token: a new token at each call */
    WECHAT_STABLE,        /* POST /cgi-bin/stable_token: the same token until its last 5 minutes */
    WECHAT_STABLE_FORCED, /* force_refresh: 20 a day, 30 s apart; kills the current token */
};

/* The builders return 0, or the errcode that WeChat would answer to a malformed argument (empty,
 * too long, bytes that are not printable ASCII); *r is then empty and nothing should be sent. */
int wechat_build_token(struct wechat_request *r, enum wechat_token_mode mode, struct slice appid,
                       struct slice appsecret) MUST_CHECK;
int wechat_build_code2session(struct wechat_request *r, struct slice appid, struct slice appsecret,
                              struct slice code) MUST_CHECK;
/* openid: empty, or the user whom WeChat must find behind the code. */
int wechat_build_phone(struct wechat_request *r, struct slice access_token, struct slice code,
                       struct slice openid) MUST_CHECK;
/* The cheapest read-only call that needs a token: get_api_domain_ip. */
int wechat_build_probe(struct wechat_request *r, struct slice access_token) MUST_CHECK;

void wechat_request_wipe(struct wechat_request *r);

/* ---- answers ---- */

enum wechat_outcome {
    WECHAT_DONE,     /* it happened, and the answer holds all that was asked for */
    WECHAT_REFUSED,  /* WeChat answered with an errcode */
    WECHAT_NOT_SENT, /* no byte of the request reached a peer: it cannot have happened */
    WECHAT_UNKNOWN,  /* no answer, or one that is not WeChat's: it may have happened */
};

/* How a call went. Holds no secret: all of it may be logged. */
struct wechat_reply {
    enum wechat_outcome outcome;
    enum err_class error_class; /* what to do; ERR_NONE when done */
    int errcode;                /* WeChat's number when refused, else 0 */
    int http_status;            /* 0 without an answer */
    char rid[WECHAT_RID_SIZE];  /* WeChat's request id, "" when it gave none */
    struct err error;           /* a line for a person, "" when done */
};

/* True when WeChat cannot have carried the call out: not sent, or refused. Not for -1 (busy), which
 * may come after a one-use code was spent or a token issued. */
bool wechat_certainly_not_done(const struct wechat_reply *r);

/* "done", "refused", "not_sent", "unknown": for logs and metrics. */
const char *wechat_outcome_name(enum wechat_outcome o);

struct wechat_token_result {
    struct wechat_reply reply;
    struct secret access_token;
    int64_t expires_in_s; /* counts from when WeChat answered: compute from when we asked */
};

struct wechat_session_result {
    struct wechat_reply reply;
    char openid[WECHAT_OPENID_MAX + 1];
    char unionid[WECHAT_OPENID_MAX + 1]; /* "" when the app is bound to no Open Platform account */
    struct secret session_key;           /* base64 of 16 bytes, as WeChat writes it */
};

struct wechat_phone_result {
    struct wechat_reply reply;
    char phone_number[WECHAT_PHONE_MAX + 1]; /* with area code when not from mainland China */
    char pure_number[WECHAT_PHONE_MAX + 1];  /* without */
    char country_code[8];                    /* digits: "86" */
    int64_t tapped_at_s;                     /* Unix seconds, 0 when absent */
};

struct wechat_probe_result {
    struct wechat_reply reply; /* WECHAT_DONE: the token is alive */
};

/* The parsers fill *out whole, whatever the bytes; the caller ends it with the _deinit. */
void wechat_parse_token(struct wechat_token_result *out, int http_status, struct slice body);
void wechat_parse_session(struct wechat_session_result *out, int http_status, struct slice body);
/* `appid`: ours. An answer about another app is ERR_OPERATOR. */
void wechat_parse_phone(struct wechat_phone_result *out, int http_status, struct slice body,
                        struct slice appid);
void wechat_parse_probe(struct wechat_probe_result *out, int http_status, struct slice body);

void wechat_token_result_deinit(struct wechat_token_result *r); /* wipes; twice is harmless */
void wechat_session_result_deinit(struct wechat_session_result *r);
void wechat_phone_result_deinit(struct wechat_phone_result *r);

#endif
