/* caller.h - who is calling: which mini program, and with which token. Pure but for the call it
 * reads. Loop thread only. */
#ifndef LOGINSVC_DIALECTS_CALLER_H
#define LOGINSVC_DIALECTS_CALLER_H

#include "base/text.h"
#include "http/server.h"
#include "loginsvc/dialects/body.h"
#include "loginsvc/limits/address.h"
#include "loginsvc/login/apps.h"

/* The app named by `appid` in the body, else by the header X-Wx-Appid, else by WeChat's own Referer
 * (https://servicewechat.com/APPID/…), else the only one there is. NULL when the one named is not
 * ours, or none is named and there are several. Borrowed. */
struct app *caller_app(const struct http_call *call, const struct body *body,
                       const struct apps *apps);

/* The appid in a Referer of WeChat's; p is NULL when it is not one. Borrowed from it. */
struct slice caller_referer_appid(struct slice referer);

/* Where it comes from, with the proxies that are trusted taken away. */
void caller_address(const struct http_call *call, const struct proxies *proxies,
                    struct client_address *out);

/* What stands behind "Bearer" in Authorization; p is NULL when there is no such thing. Borrowed. */
struct slice caller_bearer(const struct http_call *call);

/* What stands between the first blank of Authorization and the next one, whatever the scheme; p is
 * NULL when that is nothing. Borrowed. */
struct slice caller_second_word(const struct http_call *call);

#endif
