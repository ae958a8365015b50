/* POST /v1/phone/decrypt: the legacy way of a phone number, with the session_key of the user's last
 * login. One failure for every reason: see wechat/encrypted_phone.h. */
#include "base/secret.h"
#include "loginsvc/dialects/native_inner.h"
#include "sys/clock.h"
#include "wechat/encrypted_phone.h"

enum { IV_TEXT_MAX = 64 };

/* What is wrong with the body; FAILURE_INTERNAL: nothing. Slices are of the body. */
static enum failure_kind read_body(const struct body *b, struct encrypted_phone *in)
{
    enum body_field data = body_text(b, "encryptedData", ENCRYPTED_PHONE_TEXT_MAX, &in->data);
    enum body_field iv = body_text(b, "iv", IV_TEXT_MAX, &in->iv);
    if (data == BODY_ABSENT || iv == BODY_ABSENT)
        return FAILURE_MISSING;
    return data == BODY_WRONG || iv == BODY_WRONG ? FAILURE_WRONG : FAILURE_INTERNAL;
}

static void on_bound(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    if (call && r->status == STORE_OK)
        native_answer_phone(call, &r->user);
    else if (call)
        native_fail(call, FAILURE_INVALID_TOKEN);
}

static void bind_phone(struct native *n, struct http_call *call, const struct jwt_claims *c,
                       const struct wechat_phone *phone)
{
    struct store_caller caller = {on_bound, n, http_call_id(call)};
    native_started(call, store_set_phone(n->parts->store, c->user_id, slice_of(phone->pure_number),
                                         slice_of(phone->country_code), clock_wall(), caller));
}

static void decrypt(struct native *n, struct http_call *call, const struct jwt_claims *c,
                    struct slice session_key)
{
    struct encrypted_phone in = {.session_key = session_key, .appid = slice_of(c->appid)};
    struct wechat_phone phone;
    struct body body;
    bool read = body_of_call(call, &body); /* as before */
    ASSERT(read && read_body(&body, &in) == FAILURE_INTERNAL);
    if (encrypted_phone_open(&in, clock_wall(), &phone))
        bind_phone(n, call, c, &phone);
    else
        native_fail(call, FAILURE_DECRYPT);
    bytes_wipe(&phone, sizeof phone);
    body_deinit(&body);
}

static void on_key(void *owner, uint64_t id, enum session_key_found found, struct slice session_key)
{
    struct native *n = owner;
    struct http_call *call = http_server_find(n->parts->server, id);
    struct jwt_claims c;
    if (!call)
        return;
    if (!bearer_claims(n->parts, &native_dialect, call, &c)) {
        native_fail(call, FAILURE_INVALID_TOKEN);
        return;
    }
    switch (found) {
    case SESSION_KEY_FOUND:
        decrypt(n, call, &c, session_key);
        return;
    case SESSION_KEY_NONE:
        native_fail(call, FAILURE_NO_SESSION_KEY);
        return;
    case SESSION_KEY_AWAY:
        native_fail(call, FAILURE_REDIS);
        return;
    }
}

static void on_decrypt(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct encrypted_phone in = {.data = {NULL, 0}};
    struct body body;
    if (!bearer_authorize(n->parts, &native_dialect, call, &c) || !native_read_body(call, &body))
        return;
    enum failure_kind wrong = read_body(&body, &in);
    body_deinit(&body);
    if (wrong != FAILURE_INTERNAL)
        native_fail(call, wrong);
    else
        session_keys_get(n->parts->session_keys, slice_of(c.appid), c.user_id, on_key, n,
                         http_call_id(call));
}

void native_decrypt_routes(struct native *n)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/v1/phone/decrypt", on_decrypt, 0, NULL},
    };
    http_server_routes(n->parts->server, routes, ARRAY_LEN(routes), n);
}
