/* answer.h - the answers of api.weixin.qq.com: bytes in, typed results out.
 *
 * Pure: no clock, no socket; any thread. A parser takes an HTTP status and a body of any content
 * and fills a result that its caller ends with the matching _deinit; whatever the result's type,
 * `reply` says how it went. A peer decides nothing about memory: every field has a bound, and an
 * answer beyond it is not an answer of WeChat's.
 *
 * JSON is read whatever the Content-Type, a number may be a string and the reverse, unknown fields
 * are skipped, errcode absent means 0. Refused: a status other than 200, duplicate keys, NUL in a
 * string, bytes after the object, nesting beyond jansson's limit of 2048 levels. */
#ifndef WECHAT_ANSWER_H
#define WECHAT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "wechat/errcode.h"
#include "wechat/phone_info.h"
#include "wechat/request.h"

enum {
    WECHAT_EXPIRES_MAX = 86400, /* 7200 today, "may change"; beyond a day it is no token's life */
    WECHAT_ANSWER_MAX = 64 * 1024,
    WECHAT_RID_SIZE = 27, /* 8hex-8hex-8hex and NUL */
};

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

/* What an answer with this errcode gives, without one: for arguments that need not be sent. */
void wechat_reply_refuse(struct wechat_reply *r, int errcode, enum err_class error_class);

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
    struct secret session_key;           /* base64; unset when it is not that of 16 bytes, because
                                            a login can do without it */
};

struct wechat_phone_result {
    struct wechat_reply reply;
    char phone_number[WECHAT_PHONE_MAX + 1]; /* these three as in phone_info.h */
    char pure_number[WECHAT_PHONE_MAX + 1];
    char country_code[WECHAT_COUNTRY_CODE_SIZE];
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
