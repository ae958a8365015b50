/* request.h - requests to api.weixin.qq.com, as bytes: builds, sends nothing.
 *
 * Pure: no clock, no socket, no allocation; any thread. A builder fills a request that its caller
 * owns, and wipes, because it holds secrets. */
#ifndef WECHAT_REQUEST_H
#define WECHAT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum {
    WECHAT_APPID_MAX = 64,
    WECHAT_APPSECRET_MAX = 128,
    WECHAT_CODE_MAX = 256,   /* login codes have 32 characters today, phone codes 64 */
    WECHAT_TOKEN_MAX = 1024, /* the documentation asks for room for 512 at least */
    WECHAT_OPENID_MAX = 64,
};

struct wechat_request {
    bool post;
    const char *path;  /* static, without the query: the only part that may be logged */
    char target[4096]; /* path and query, NUL-terminated; holds secrets */
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

#endif
