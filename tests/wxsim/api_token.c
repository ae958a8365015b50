/* Fetching tokens. The order of the checks: appid, secret, the account's troubles, grant_type, the
 * limits. */
#include "wxsim/handlers.h"
#include "wxsim/query.h"

enum { PARAM_SIZE = 256 };

static void give(struct visit *v, struct app *a, const struct grant *g)
{
    char token[TOKEN_MAX + 1];
    if (g->fresh)
        ledger_add(book_ledger(v->book), &(struct issuance){a, *g, false, v->now.wall});
    book_write_token(v->book, a, g, token);
    text_str(&v->answer->body, "{\"access_token\":\"");
    text_str(&v->answer->body, token);
    text_fmt(&v->answer->body, "\",\"expires_in\":%lld}", (long long)g->expires_in_s);
    v->app = a;
}

void visit_token(struct visit *v)
{
    char appid[PARAM_SIZE], secret[PARAM_SIZE], grant_type[PARAM_SIZE];
    struct slice query = v->call->query;
    struct app *a;
    struct grant g;
    if (visit_admit(v, query_get(query, "appid", appid, sizeof appid),
                    query_get(query, "secret", secret, sizeof secret), &a) != WX_OK)
        return;
    int errcode = WX_BAD_GRANT_TYPE;
    if (slice_is(query_get(query, "grant_type", grant_type, sizeof grant_type),
                 "client_credential"))
        errcode = app_fetch_classic(a, book_rules(v->book), v->now, &g);
    if (errcode == WX_OK)
        give(v, a, &g);
    else
        visit_refuse(v, errcode);
}

/* A body that is no JSON has no appid: 41002, as seen. */
void visit_stable_token(struct visit *v)
{
    json_t *json = visit_json(v);
    struct app *a;
    struct grant g;
    if (visit_admit(v, json_field(json, "appid"), json_field(json, "secret"), &a) == WX_OK) {
        int errcode = WX_BAD_GRANT_TYPE;
        bool forced = json_is_true(json_object_get(json, "force_refresh"));
        if (slice_is(json_field(json, "grant_type"), "client_credential"))
            errcode = app_fetch_stable(a, book_rules(v->book), forced, v->now, &g);
        if (errcode == WX_OK)
            give(v, a, &g);
        else
            visit_refuse(v, errcode);
    }
    json_decref(json);
}
