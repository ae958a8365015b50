/* A user's login, phone number and session. */
#include "crypto/hmac.h"
#include "wxsim/handlers.h"
#include "wxsim/phone_data.h"
#include "wxsim/query.h"

enum { PARAM_SIZE = 1024 };

static void give_login(struct visit *v, struct app *a, struct slice code)
{
    struct login login;
    int errcode = book_spend_login_code(v->book, a, code, v->now.mono, &login);
    if (errcode != WX_OK) {
        visit_refuse(v, errcode);
        return;
    }
    text_fmt(&v->answer->body, "{\"session_key\":\"%s\",\"openid\":\"%s\"", login.session_key,
             login.openid);
    if (login.unionid[0])
        text_fmt(&v->answer->body, ",\"unionid\":\"%s\"", login.unionid);
    text_char(&v->answer->body, '}');
    v->app = a;
}

void visit_jscode2session(struct visit *v)
{
    char appid[PARAM_SIZE], secret[PARAM_SIZE], grant_type[PARAM_SIZE], buffer[PARAM_SIZE];
    struct slice query = v->call->query;
    struct app *a;
    if (visit_admit(v, query_get(query, "appid", appid, sizeof appid),
                    query_get(query, "secret", secret, sizeof secret), &a) != WX_OK)
        return;
    struct slice code = query_get(query, "js_code", buffer, sizeof buffer);
    if (!slice_is(query_get(query, "grant_type", grant_type, sizeof grant_type),
                  "authorization_code"))
        visit_refuse(v, WX_BAD_GRANT_TYPE);
    else if (code.n == 0)
        visit_refuse(v, WX_CODE_MISSING);
    else
        give_login(v, a, code);
}

static void give_phone(struct visit *v, const struct phone *phone)
{
    struct text *body = &v->answer->body;
    text_str(body, "{\"errcode\":0,\"errmsg\":\"ok\",\"phone_info\":");
    phone_data_write(body, v->app, phone);
    text_char(body, '}');
}

static int spend_phone(struct visit *v, const json_t *json, struct phone *phone)
{
    if (v->call->body.n == 0)
        return WX_EMPTY_POST;
    if (!json)
        return WX_BAD_DATA;
    return book_spend_phone_code(v->book, v->app, json_field(json, "code"),
                                 json_field(json, "openid"), v->now.mono, phone);
}

/* The token was checked already, so a code survives a dead token; the limits come next. */
void visit_phone(struct visit *v)
{
    struct phone phone;
    int errcode = v->app->unauthorized ? WX_UNAUTHORIZED
                                       : app_count_phone_call(v->app, book_rules(v->book), v->now);
    json_t *json = NULL;
    if (errcode == WX_OK) {
        json = visit_json(v);
        errcode = spend_phone(v, json, &phone);
    }
    if (errcode == WX_OK)
        give_phone(v, &phone);
    else
        visit_refuse(v, errcode);
    json_decref(json);
}

/* hex(HMAC-SHA256(key = session_key as it is written, nothing)): does the caller know the key? */
static bool signature_is_right(const char *session_key, struct slice signature)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t tag[HMAC_SHA256_SIZE];
    char hex[2 * HMAC_SHA256_SIZE + 1];
    struct text t = text_init(hex, sizeof hex);
    hmac_sha256(slice_of(session_key), SLICE_LIT(""), tag);
    for (size_t i = 0; i < sizeof tag; i++) {
        text_char(&t, digits[tag[i] >> 4]);
        text_char(&t, digits[tag[i] & 15]);
    }
    return slice_is(signature, hex);
}

/* Refuses unless the query proves that the caller has the user's session_key. */
static bool session_is_proved(struct visit *v, struct slice openid)
{
    char buffer[PARAM_SIZE], method[PARAM_SIZE], key[SESSION_KEY_CHARS + 1];
    struct slice signature = query_get(v->call->query, "signature", buffer, sizeof buffer);
    int errcode = WX_OK;
    if (openid.n == 0 || signature.n == 0)
        errcode = WX_BAD_ARGS;
    else if (!slice_is(query_get(v->call->query, "sig_method", method, sizeof method),
                       "hmac_sha256"))
        errcode = WX_BAD_SIG_METHOD;
    else if (!book_session_key(v->book, v->app, openid, key))
        errcode = WX_NO_SESSION;
    else if (!signature_is_right(key, signature))
        errcode = WX_BAD_SIGNATURE;
    if (errcode != WX_OK)
        visit_refuse(v, errcode);
    return errcode == WX_OK;
}

void visit_checksession(struct visit *v)
{
    char buffer[PARAM_SIZE];
    if (session_is_proved(v, query_get(v->call->query, "openid", buffer, sizeof buffer)))
        text_str(&v->answer->body, "{\"errcode\":0,\"errmsg\":\"ok\"}");
}

void visit_resetsession(struct visit *v)
{
    char buffer[PARAM_SIZE], key[SESSION_KEY_CHARS + 1];
    struct slice openid = query_get(v->call->query, "openid", buffer, sizeof buffer);
    if (!session_is_proved(v, openid))
        return;
    book_renew_session_key(v->book, v->app, openid, key);
    text_fmt(&v->answer->body,
             "{\"errcode\":0,\"errmsg\":\"ok\",\"openid\":\"%s\",\"session_key\":\"%s\"}", buffer,
             key);
}
