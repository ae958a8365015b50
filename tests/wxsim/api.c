#include "wxsim/api.h"

#include <stdlib.h>

#include "wxsim/handlers.h"
#include "wxsim/query.h"

struct api {
    struct book *book;
    struct prng ids; /* the random parts of rids and hints */
};

struct route {
    const char *path;
    enum answer_style style;
    enum api_method method;
    bool any_method;
    bool needs_token;
    visit_fn *visit;
};

/* What a path answers to the wrong method is known of stable_token only (43002); the others that
 * take a body are taken to do the same. */
static const struct route routes[] = {
    {"/cgi-bin/token", STYLE_CGI, API_GET, true, false, visit_token},
    {"/cgi-bin/stable_token", STYLE_CGI, API_POST, false, false, visit_stable_token},
    {"/sns/jscode2session", STYLE_SNS, API_GET, true, false, visit_jscode2session},
    {"/wxa/business/getuserphonenumber", STYLE_WXA, API_POST, false, true, visit_phone},
    {"/wxa/checksession", STYLE_WXA, API_GET, true, true, visit_checksession},
    {"/wxa/resetusersessionkey", STYLE_WXA, API_GET, true, true, visit_resetsession},
    {"/cgi-bin/get_api_domain_ip", STYLE_CGI, API_GET, true, true, visit_api_ips},
    {"/cgi-bin/getcallbackip", STYLE_CGI, API_GET, true, true, visit_callback_ips},
    {"/cgi-bin/openapi/quota/get", STYLE_CGI, API_POST, false, true, visit_quota},
    {"/cgi-bin/clear_quota", STYLE_CGI, API_POST, false, true, visit_clear_quota},
    {"/cgi-bin/clear_quota/v2", STYLE_CGI, API_POST, false, false, visit_clear_quota_v2},
};

struct api *api_new(struct book *b, uint64_t seed)
{
    struct api *api = xcalloc(1, sizeof *api);
    api->book = b;
    prng_seed(&api->ids, seed);
    return api;
}

void api_free(struct api *api)
{
    free(api);
}

size_t api_routes(void)
{
    return ARRAY_LEN(routes);
}

size_t api_route(struct slice path)
{
    size_t i = 0;
    while (i < ARRAY_LEN(routes) && !slice_is(path, routes[i].path))
        i++;
    return i;
}

const char *api_path(size_t route)
{
    return route < ARRAY_LEN(routes) ? routes[route].path : "other";
}

/* An unknown path writes like the part of the API it seems to be in. */
static enum answer_style style_of(size_t route)
{
    return route < ARRAY_LEN(routes) ? routes[route].style : STYLE_CGI;
}

void api_refuse(struct api *api, size_t route, int errcode, struct instant now, struct answer *out)
{
    answer_error(out, style_of(route), errcode, NULL, now.wall, &api->ids);
}

/* What comes before a path's own work, in WeChat's order: the length, the method, the token. */
static int check(const struct route *r, struct visit *v)
{
    char token[TOKEN_MAX + 1];
    if (r->method != v->call->method && !r->any_method)
        return WX_NEED_POST;
    if (!r->needs_token)
        return WX_OK;
    return book_use_token(v->book, query_get(v->call->query, "access_token", token, sizeof token),
                          v->now.mono, &v->app);
}

void api_answer(struct api *api, size_t route, const struct api_call *call, struct instant now,
                struct answer *out)
{
    struct visit v = {api->book, &api->ids, call, style_of(route), now, NULL, out};
    if (call->method == API_POST && !call->has_length) {
        answer_length_required(out);
        return;
    }
    int errcode = route < ARRAY_LEN(routes) ? check(&routes[route], &v) : WX_BAD_URL;
    if (errcode != WX_OK) {
        visit_refuse(&v, errcode);
        return;
    }
    answer_begin(out, v.style);
    routes[route].visit(&v);
    if (v.app && v.app->extra_fields && out->errcode == WX_OK)
        answer_add_unknown_fields(out);
    ASSERT(!out->body.cut);
}

/* ---- for the handlers ---- */

void visit_refuse(struct visit *v, int errcode)
{
    answer_error(v->answer, v->style, errcode, NULL, v->now.wall, v->ids);
}

json_t *visit_json(const struct visit *v)
{
    json_t *json = json_loadb(v->call->body.p ? v->call->body.p : "", v->call->body.n, 0, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

struct slice json_field(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

int visit_admit(struct visit *v, struct slice appid, struct slice secret, struct app **out)
{
    int errcode = book_admit(v->book, appid, secret, out);
    if (errcode == WX_BAD_IP) {
        char line[128];
        struct text t = text_init(line, sizeof line);
        text_fmt(&t, "invalid ip %s ipv6 ::ffff:%s, not in whitelist", v->call->peer,
                 v->call->peer);
        answer_error(v->answer, v->style, errcode, line, v->now.wall, v->ids);
    } else if (errcode != WX_OK) {
        visit_refuse(v, errcode);
    }
    return errcode;
}
