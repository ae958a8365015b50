/* Lists of addresses and quotas: the calls that cost nothing and change little. */
#include "wxsim/handlers.h"
#include "wxsim/query.h"

enum {
    PARAM_SIZE = 256,
    OTHER_CALLS_PER_DAY = 10000000, /* what quota/get says of paths whose calls are not limited */
    CALLS_PER_MINUTE = 10000,
};

void visit_api_ips(struct visit *v)
{
    text_str(&v->answer->body, "{\"ip_list\":[\"101.226.212.27\",\"58.246.220.31\"]}");
}

void visit_callback_ips(struct visit *v)
{
    text_str(&v->answer->body, "{\"ip_list\":[\"127.0.0.1\",\"101.226.103.0\\/25\"]}");
}

/* The day's limit of a path and what was used of it. */
static void look_up_quota(const struct visit *v, struct slice path, int64_t *limit, int64_t *used)
{
    const struct rules *r = book_rules(v->book);
    *limit = OTHER_CALLS_PER_DAY;
    *used = 0;
    if (slice_is(path, "/cgi-bin/token")) {
        *limit = r->classic_per_day;
        *used = v->app->classic_day.used;
    } else if (slice_is(path, "/cgi-bin/stable_token")) {
        *limit = r->stable_per_day;
        *used = v->app->stable_day.used;
    }
}

static void give_quota(struct visit *v, struct slice path)
{
    int64_t limit, used;
    look_up_quota(v, path, &limit, &used);
    text_fmt(&v->answer->body,
             "{\"errcode\":0,\"errmsg\":\"ok\",\"quota\":{\"daily_limit\":%lld,\"used\":%lld,"
             "\"remain\":%lld},\"rate_limit\":{\"call_count\":%d,\"refresh_second\":60}}",
             (long long)limit, (long long)used, (long long)(limit - used), CALLS_PER_MINUTE);
}

void visit_quota(struct visit *v)
{
    json_t *json = visit_json(v);
    struct slice path = json_field(json, "cgi_path");
    if (!json)
        visit_refuse(v, WX_BAD_DATA);
    else if (slice_starts(path, "/sns/"))
        visit_refuse(v, WX_PATH_NO_QUOTA);
    else if (api_route(path) == api_routes())
        visit_refuse(v, WX_PATH_UNKNOWN);
    else
        give_quota(v, path);
    json_decref(json);
}

static void clear(struct visit *v, struct app *a)
{
    int errcode = app_clear_quota(a, v->now);
    if (errcode == WX_OK)
        text_str(&v->answer->body, "{\"errcode\":0,\"errmsg\":\"ok\"}");
    else
        visit_refuse(v, errcode);
}

void visit_clear_quota(struct visit *v)
{
    json_t *json = visit_json(v);
    struct slice appid = json_field(json, "appid");
    if (appid.n == 0)
        visit_refuse(v, WX_APPID_MISSING);
    else if (!slice_is(appid, v->app->appid))
        visit_refuse(v, WX_BAD_APPID);
    else
        clear(v, v->app);
    json_decref(json);
}

/* Newer documents put the parameters into the body, older ones into the query. */
void visit_clear_quota_v2(struct visit *v)
{
    char id_buffer[PARAM_SIZE], secret_buffer[PARAM_SIZE];
    json_t *json = visit_json(v);
    struct slice appid = json_field(json, "appid"), secret = json_field(json, "appsecret");
    struct app *a;
    if (appid.n == 0)
        appid = query_get(v->call->query, "appid", id_buffer, sizeof id_buffer);
    if (secret.n == 0)
        secret = query_get(v->call->query, "appsecret", secret_buffer, sizeof secret_buffer);
    if (visit_admit(v, appid, secret, &a) == WX_OK)
        clear(v, a);
    json_decref(json);
}
