#include "wechat/request.h"

#include "base/secret.h"
#include "wechat/ascii.h"
#include "wechat/errcode.h"

/* A JSON string of printable ASCII, where only two characters need a backslash. */
static void add_json_string(struct text *t, struct slice s)
{
    text_char(t, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            text_char(t, '\\');
        text_char(t, s.p[i]);
    }
    text_char(t, '"');
}

static struct text begin_target(struct wechat_request *r, bool post, const char *path)
{
    r->post = post;
    r->path = path;
    struct text t = text_init(r->target, sizeof r->target);
    text_str(&t, path);
    return t;
}

static void add_query(struct text *t, const char *name_and_sign, struct slice value)
{
    text_str(t, name_and_sign);
    text_urlencode(t, value);
}

/* The limits of the arguments are such that everything fits; hence assertions. */
static void end_target(struct wechat_request *r, const struct text *t)
{
    ASSERT(!t->cut);
    r->target_len = t->n;
}

static void end_body(struct wechat_request *r, const struct text *t)
{
    ASSERT(!t->cut);
    r->body_len = t->n;
}

static int check_app(struct slice appid, struct slice appsecret)
{
    if (!ascii_only(appid, 1, WECHAT_APPID_MAX, ascii_printable))
        return WECHAT_INVALID_APPID;
    if (!ascii_only(appsecret, 1, WECHAT_APPSECRET_MAX, ascii_printable))
        return WECHAT_INVALID_APPSECRET;
    return 0;
}

static void build_classic(struct wechat_request *r, struct slice appid, struct slice appsecret)
{
    struct text t = begin_target(r, false, "/cgi-bin/token");
    add_query(&t, "?grant_type=client_credential&appid=", appid);
    add_query(&t, "&secret=", appsecret);
    end_target(r, &t);
}

static void build_stable(struct wechat_request *r, bool force, struct slice appid,
                         struct slice appsecret)
{
    struct text t = begin_target(r, true, "/cgi-bin/stable_token");
    end_target(r, &t);
    struct text body = text_init(r->body, sizeof r->body);
    text_str(&body, "{\"grant_type\":\"client_credential\",\"appid\":");
    add_json_string(&body, appid);
    text_str(&body, ",\"secret\":");
    add_json_string(&body, appsecret);
    text_str(&body, force ? ",\"force_refresh\":true}" : ",\"force_refresh\":false}");
    end_body(r, &body);
}

int wechat_build_token(struct wechat_request *r, enum wechat_token_mode mode, struct slice appid,
                       struct slice appsecret)
{
    *r = (struct wechat_request){0};
    int refused = check_app(appid, appsecret);
    if (refused)
        return refused;
    if (mode == WECHAT_CLASSIC)
        build_classic(r, appid, appsecret);
    else
        build_stable(r, mode == WECHAT_STABLE_FORCED, appid, appsecret);
    return 0;
}

int wechat_build_code2session(struct wechat_request *r, struct slice appid, struct slice appsecret,
                              struct slice code)
{
    *r = (struct wechat_request){0};
    int refused = check_app(appid, appsecret);
    if (refused)
        return refused;
    if (!ascii_only(code, 1, WECHAT_CODE_MAX, ascii_printable))
        return WECHAT_INVALID_CODE;
    struct text t = begin_target(r, false, "/sns/jscode2session");
    add_query(&t, "?appid=", appid);
    add_query(&t, "&secret=", appsecret);
    add_query(&t, "&js_code=", code);
    text_str(&t, "&grant_type=authorization_code");
    end_target(r, &t);
    return 0;
}

int wechat_build_phone(struct wechat_request *r, struct slice access_token, struct slice code,
                       struct slice openid)
{
    *r = (struct wechat_request){0};
    if (!ascii_only(access_token, 1, WECHAT_TOKEN_MAX, ascii_printable))
        return WECHAT_INVALID_TOKEN;
    if (!ascii_only(code, 1, WECHAT_CODE_MAX, ascii_printable))
        return WECHAT_INVALID_CODE;
    if (!ascii_only(openid, 0, WECHAT_OPENID_MAX, ascii_identifier))
        return WECHAT_INVALID_ARGUMENT;
    struct text t = begin_target(r, true, "/wxa/business/getuserphonenumber");
    add_query(&t, "?access_token=", access_token);
    end_target(r, &t);
    struct text body = text_init(r->body, sizeof r->body);
    text_str(&body, "{\"code\":");
    add_json_string(&body, code);
    if (openid.n) {
        text_str(&body, ",\"openid\":");
        add_json_string(&body, openid);
    }
    text_char(&body, '}');
    end_body(r, &body);
    return 0;
}

int wechat_build_probe(struct wechat_request *r, struct slice access_token)
{
    *r = (struct wechat_request){0};
    if (!ascii_only(access_token, 1, WECHAT_TOKEN_MAX, ascii_printable))
        return WECHAT_INVALID_TOKEN;
    struct text t = begin_target(r, false, "/cgi-bin/get_api_domain_ip");
    add_query(&t, "?access_token=", access_token);
    end_target(r, &t);
    return 0;
}

void wechat_request_wipe(struct wechat_request *r)
{
    bytes_wipe(r, sizeof *r);
}
