#include "loginsvc/dialects/caller.h"

#include <string.h>
#include <strings.h>

#include "wechat/api.h"

/* As much as a head may have: what a client sends cannot push out what the proxy appended to it. */
enum { FORWARDED_MAX = 16 * 1024 };

static const struct slice NONE = {NULL, 0};

struct slice caller_referer_appid(struct slice referer)
{
    static const char origin[] = "https://servicewechat.com/";
    if (!slice_starts(referer, origin))
        return NONE;
    struct slice rest = {referer.p + strlen(origin), referer.n - strlen(origin)};
    struct slice appid = slice_cut(&rest, '/');
    return appid.n > 0 ? appid : NONE;
}

struct app *caller_app(const struct http_call *call, const struct body *body,
                       const struct apps *apps)
{
    struct slice appid;
    enum body_field named = body_text(body, "appid", WECHAT_APPID_MAX, &appid);
    if (named == BODY_WRONG)
        return NULL;
    if (named == BODY_ABSENT)
        appid = http_call_header(call, "X-Wx-Appid");
    if (appid.n == 0)
        appid = caller_referer_appid(http_call_header(call, "Referer"));
    return appid.n > 0 ? apps_find(apps, appid) : apps_only(apps);
}

void caller_address(const struct http_call *call, const struct proxies *proxies,
                    struct client_address *out)
{
    char forwarded[FORWARDED_MAX];
    struct text t = text_init(forwarded, sizeof forwarded);
    if (!http_call_headers(call, "X-Forwarded-For", &t)) /* none of it is believed */
        t = text_init(forwarded, sizeof forwarded);
    client_address_of(proxies, slice_of(http_call_peer(call)), (struct slice){t.p, t.n}, out);
}

struct slice caller_bearer(const struct http_call *call)
{
    struct slice rest = slice_trim(http_call_header(call, "Authorization"));
    struct slice scheme = slice_cut(&rest, ' ');
    struct slice token = slice_trim(rest);
    if (scheme.n != 6 || strncasecmp(scheme.p, "Bearer", 6) != 0 || token.n == 0)
        return NONE;
    return token;
}

struct slice caller_second_word(const struct http_call *call)
{
    struct slice rest = slice_trim(http_call_header(call, "Authorization"));
    (void)slice_cut(&rest, ' ');
    struct slice word = slice_cut(&rest, ' ');
    return word.n > 0 ? word : NONE;
}
