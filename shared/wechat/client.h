/* client.h - asks api.weixin.qq.com: builds (api.h), sends over http/client.h, parses.
 *
 * One attempt per call, on the next host only when the one before certainly got nothing. It keeps
 * no token, no cache and no retry policy: those belong to its callers, who read `reply`. Loop
 * thread only.
 *
 * Arguments are copied before a call returns. Every call answers exactly once, on the loop thread,
 * never before the starting function returned, within the time-out; the result is borrowed for the
 * callback and wiped after it. A cancelled call does not call back. */
#ifndef WECHAT_CLIENT_H
#define WECHAT_CLIENT_H

#include <stdint.h>

#include "base/text.h"
#include "wechat/api.h"

struct loop;
struct http_client;
struct http_hosts;
struct wechat_client; /* opaque */

/* A finished call's path (static), outcome and duration, for metrics; just before its callback. */
typedef void wechat_observe_fn(const char *path, enum wechat_outcome outcome, int64_t took_us,
                               void *arg);

/* The client takes a reference of its own to `hosts`. `timeout_ms` covers a whole call, all hosts
 * together. `loop` and `http` are borrowed and must outlive the client. */
struct wechat_client *wechat_client_new(struct loop *loop, struct http_client *http,
                                        struct http_hosts *hosts, int64_t timeout_ms) MUST_CHECK;

/* Cancels what is under way. Before http_client_free. NULL is allowed. */
void wechat_client_free(struct wechat_client *c);

void wechat_client_observe(struct wechat_client *c, wechat_observe_fn *fn, void *arg);

/* An app's own credentials, borrowed for the call. */
struct wechat_app {
    struct slice appid;
    struct slice appsecret;
};

typedef void wechat_token_fn(const struct wechat_token_result *result, void *arg);
typedef void wechat_session_fn(const struct wechat_session_result *result, void *arg);
typedef void wechat_phone_fn(const struct wechat_phone_result *result, void *arg);
typedef void wechat_probe_fn(const struct wechat_probe_result *result, void *arg);

/* Each returns the call's id, never 0. A malformed argument is answered, without being sent, as
 * WeChat would answer it: a code with 40029, a token with 40014, an appid with 40013. */

/* A classic or forced call arrives at WeChat once at most; a stable one, which may be repeated
 * without harm, possibly twice. */
uint64_t wechat_fetch_token(struct wechat_client *c, struct wechat_app app,
                            enum wechat_token_mode mode, wechat_token_fn *done, void *arg);

/* The one-use code arrives at WeChat once at most. */
uint64_t wechat_code2session(struct wechat_client *c, struct wechat_app app, struct slice code,
                             wechat_session_fn *done, void *arg);

/* The one-use code arrives at WeChat once at most. `appid`: ours, to compare with the answer's;
 * `openid`: empty or the user whom WeChat must find behind the code. */
uint64_t wechat_phone(struct wechat_client *c, struct slice appid, struct slice access_token,
                      struct slice code, struct slice openid, wechat_phone_fn *done, void *arg);

/* Asks whether the token lives; may arrive twice. */
uint64_t wechat_probe(struct wechat_client *c, struct slice access_token, wechat_probe_fn *done,
                      void *arg);

/* The callback will not run; an id that is over is ignored. What was sent stays sent. */
void wechat_cancel(struct wechat_client *c, uint64_t id);

#endif
