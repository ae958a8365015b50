#include "wxsim/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "wxsim/codes.h"
#include "wxsim/mint.h"

/* As WeChat's look: a number that says nothing, then the text. */
static const char token_prefix[] = "57_";

struct book {
    struct mint mint;
    struct rules rules;
    struct map *by_appid;
    struct app **apps; /* grows */
    size_t napps;
    struct codes *login_codes, *phone_codes;
    struct sessions *sessions;
    struct ledger *ledger;
    uint64_t unknown_token_uses;
};

struct book *book_new(uint64_t seed, const struct rules *rules)
{
    struct book *b = xcalloc(1, sizeof *b);
    b->mint.seed = seed;
    b->rules = *rules;
    b->by_appid = map_new(seed);
    b->login_codes = codes_new();
    b->phone_codes = codes_new();
    b->sessions = sessions_new();
    b->ledger = ledger_new();
    return b;
}

void book_free(struct book *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->napps; i++)
        app_free(b->apps[i]);
    free(b->apps);
    map_free(b->by_appid);
    codes_free(b->login_codes);
    codes_free(b->phone_codes);
    sessions_free(b->sessions);
    ledger_free(b->ledger);
    free(b);
}

void book_restart(struct book *b)
{
    for (size_t i = 0; i < b->napps; i++)
        app_restart(b->apps[i]);
    codes_clear(b->login_codes);
    codes_clear(b->phone_codes);
    sessions_clear(b->sessions);
    ledger_clear(b->ledger);
    b->unknown_token_uses = 0;
}

void book_clear_counts(struct book *b)
{
    for (size_t i = 0; i < b->napps; i++)
        memset(&b->apps[i]->counts, 0, sizeof b->apps[i]->counts);
    b->unknown_token_uses = 0;
}

void book_set_rules(struct book *b, const struct rules *rules)
{
    b->rules = *rules;
}

const struct rules *book_rules(const struct book *b)
{
    return &b->rules;
}

/* ---- apps ---- */

struct app *book_find_app(const struct book *b, struct slice appid)
{
    return map_get(b->by_appid, appid);
}

struct app *book_app(const struct book *b, size_t i)
{
    return i < b->napps ? b->apps[i] : NULL;
}

struct app *book_add_app(struct book *b, struct slice appid, struct slice secret)
{
    struct app *a = book_find_app(b, appid);
    if (a)
        return a;
    if (appid.n == 0 || appid.n > APPID_MAX || b->napps == APPS_MAX)
        return NULL;
    if ((b->napps & (b->napps - 1)) == 0) /* full at each power of two */
        b->apps = xrealloc(b->apps, (b->napps ? 2 * b->napps : 1) * sizeof(struct app *));
    a = app_new((uint32_t)b->napps, appid, secret);
    b->apps[b->napps++] = a;
    map_put(b->by_appid, appid, a);
    return a;
}

int book_admit(const struct book *b, struct slice appid, struct slice secret, struct app **out)
{
    if (appid.n == 0)
        return WX_APPID_MISSING;
    struct app *a = book_find_app(b, appid);
    if (!a)
        return WX_BAD_APPID;
    if (secret.n == 0)
        return WX_SECRET_MISSING;
    if (!slice_eq(secret, secret_reveal(&a->secret)))
        return WX_BAD_SECRET;
    *out = a;
    return app_trouble(a);
}

/* ---- tokens ---- */

enum { SERIAL_BITS = 47, FAMILY_BITS = 1, APP_BITS = 64 - SERIAL_BITS - FAMILY_BITS };
_Static_assert(APPS_MAX == 1 << APP_BITS, "every app has a number");

/* A token's number: the app, the family and the serial in it. */
static uint64_t pack(const struct app *a, enum token_family family, uint64_t serial)
{
    ASSERT(serial >> SERIAL_BITS == 0);
    return (((uint64_t)a->number << FAMILY_BITS | (uint64_t)family) << SERIAL_BITS) | serial;
}

void book_write_token(const struct book *b, const struct app *a, const struct grant *g,
                      char out[TOKEN_MAX + 1])
{
    const size_t n = sizeof token_prefix - 1;
    memcpy(out, token_prefix, n);
    mint_write(&b->mint, MINT_TOKEN, pack(a, g->family, g->serial), out + n,
               (size_t)a->token_chars - n);
}

struct token_view book_view_token(const struct book *b, struct slice token, mono_ms_t now)
{
    const size_t n = sizeof token_prefix - 1;
    struct token_view view = {NULL, FAMILY_CLASSIC, {RANK_UNKNOWN, TOKEN_SUPERSEDED, 0}};
    uint64_t packed;
    if (!slice_starts(token, token_prefix) ||
        !mint_read(&b->mint, MINT_TOKEN, (struct slice){token.p + n, token.n - n}, &packed))
        return view;
    struct app *a = book_app(b, packed >> (SERIAL_BITS + FAMILY_BITS));
    if (!a)
        return view;
    view.family = packed >> SERIAL_BITS & 1 ? FAMILY_STABLE : FAMILY_CLASSIC;
    view.state =
        family_judge(&a->families[view.family], packed & (((uint64_t)1 << SERIAL_BITS) - 1), now);
    view.app = view.state.rank == RANK_UNKNOWN ? NULL : a;
    return view;
}

int book_use_token(struct book *b, struct slice token, mono_ms_t now, struct app **out)
{
    if (token.n == 0)
        return WX_TOKEN_MISSING;
    struct token_view view = book_view_token(b, token, now);
    if (!view.app) {
        b->unknown_token_uses++;
        return WX_BAD_CREDENTIAL;
    }
    *out = view.app;
    if (view.state.verdict == TOKEN_LIVE)
        return WX_OK;
    view.app->counts.dead_token_uses++;
    return view.state.verdict == TOKEN_EXPIRED ? WX_TOKEN_EXPIRED : WX_BAD_CREDENTIAL;
}

struct ledger *book_ledger(struct book *b)
{
    return b->ledger;
}

uint64_t book_unknown_token_uses(const struct book *b)
{
    return b->unknown_token_uses;
}

/* ---- codes ---- */

/* NULL for the empty slice. */
static char *dup_unless_empty(struct slice s)
{
    return s.n ? slice_dup(s) : NULL;
}

static uint64_t add_code(struct book *b, struct codes *codes, const struct app *a,
                         const struct code_order *order, struct instant now)
{
    struct code code = {
        .app = a->number,
        .errcode = order->errcode,
        .expires_at = mono_after(now.mono, b->rules.code_ttl_ms),
        .made_at = now.wall,
        .openid = dup_unless_empty(order->openid),
        .unionid = dup_unless_empty(order->unionid),
    };
    ASSERT(order->openid.n <= OPENID_MAX && order->unionid.n <= OPENID_MAX);
    ASSERT(slice_copy(order->phone, code.phone, sizeof code.phone));
    ASSERT(slice_copy(order->country, code.country, sizeof code.country));
    return codes_add(codes, &code, now.mono);
}

void book_make_login_code(struct book *b, const struct app *a, const struct code_order *order,
                          struct instant now, char out[LOGIN_CODE_CHARS + 1])
{
    uint64_t serial = add_code(b, b->login_codes, a, order, now);
    mint_write(&b->mint, MINT_LOGIN_CODE, serial, out, LOGIN_CODE_CHARS);
}

void book_make_phone_code(struct book *b, const struct app *a, const struct code_order *order,
                          struct instant now, char out[PHONE_CODE_CHARS + 1])
{
    uint64_t serial = add_code(b, b->phone_codes, a, order, now);
    mint_write(&b->mint, MINT_PHONE_CODE, serial, out, PHONE_CODE_CHARS);
}

/* A user of its own for this login: `o`, as all openids begin, and 27 more. */
static void write_openid(const struct book *b, const struct code *code, uint64_t serial,
                         char out[OPENID_MAX + 1])
{
    if (code->openid) {
        ASSERT(slice_copy(slice_of(code->openid), out, OPENID_MAX + 1));
    } else {
        out[0] = 'o';
        mint_write(&b->mint, MINT_OPENID, serial, out + 1, OPENID_CHARS - 1);
    }
}

static int judge_login_code(const struct code *code, const struct app *a)
{
    if (!code || code->app != a->number)
        return WX_BAD_CODE;
    return code->spent ? WX_CODE_USED : code->errcode;
}

int book_spend_login_code(struct book *b, const struct app *a, struct slice text, mono_ms_t now,
                          struct login *out)
{
    uint64_t serial;
    if (text.n != LOGIN_CODE_CHARS || !mint_read(&b->mint, MINT_LOGIN_CODE, text, &serial))
        return WX_BAD_CODE;
    struct code *code = codes_find(b->login_codes, serial, now);
    int errcode = judge_login_code(code, a);
    if (errcode != WX_OK)
        return errcode;
    code->spent = true;
    write_openid(b, code, serial, out->openid);
    ASSERT(slice_copy(slice_of(code->unionid), out->unionid, sizeof out->unionid));
    book_renew_session_key(b, a, slice_of(out->openid), out->session_key);
    return WX_OK;
}

static int judge_phone_code(const struct code *code, const struct app *a, struct slice openid)
{
    if (!code || code->spent)
        return WX_BAD_CODE;
    if (code->app != a->number)
        return WX_BAD_APPID;
    if (code->openid && openid.n && !slice_is(openid, code->openid))
        return WX_BAD_CODE;
    return code->errcode;
}

int book_spend_phone_code(struct book *b, const struct app *a, struct slice text,
                          struct slice openid, mono_ms_t now, struct phone *out)
{
    uint64_t serial;
    if (text.n != PHONE_CODE_CHARS || !mint_read(&b->mint, MINT_PHONE_CODE, text, &serial))
        return WX_BAD_CODE;
    struct code *code = codes_find(b->phone_codes, serial, now);
    int errcode = judge_phone_code(code, a, openid);
    if (errcode != WX_OK)
        return errcode;
    code->spent = true;
    *out = (struct phone){code->phone, code->country, code->made_at};
    return WX_OK;
}

/* ---- sessions ---- */

/* base64 of 16 bytes ends in one of four characters and "==". */
static void write_session_key(const struct book *b, uint64_t serial,
                              char out[SESSION_KEY_CHARS + 1])
{
    enum { FULL = SESSION_KEY_CHARS - 3 };
    mint_write(&b->mint, MINT_SESSION_KEY, serial, out, FULL);
    for (char *p = out; *p; p++) {
        if (*p == '-')
            *p = '+';
        else if (*p == '_')
            *p = '/';
    }
    memcpy(out + FULL, "g==", 4);
}

bool book_session_key(const struct book *b, const struct app *a, struct slice openid,
                      char out[SESSION_KEY_CHARS + 1])
{
    uint64_t serial = sessions_find(b->sessions, a->number, openid);
    if (serial)
        write_session_key(b, serial, out);
    return serial != 0;
}

void book_renew_session_key(struct book *b, const struct app *a, struct slice openid,
                            char out[SESSION_KEY_CHARS + 1])
{
    write_session_key(b, sessions_renew(b->sessions, a->number, openid), out);
}
