#include "wxsim/control.h"

#include "wxsim/fields.h"
#include "wxsim/phone_data.h"

enum {
    CODES_AT_ONCE = 10000,
    TIMES_MAX = 1000000,
    DELAY_MAX_MS = 3600 * 1000,
    ERRCODE_MAX = 99999999,
    AGE_MAX_S = 366 * 24 * 3600,
};

/* One order on its way. */
struct order {
    const struct control *c;
    struct fields fields;
    struct instant now;
    json_t *reply; /* an empty object to fill */
};

static void reply_set(struct order *o, const char *name, json_t *value)
{
    ASSERT(json_object_set_new(o->reply, name, value) == 0);
}

static void reply_int(struct order *o, const char *name, uint64_t value)
{
    reply_set(o, name, json_integer((json_int_t)value));
}

/* The app that the order names; the first one when it names none. */
static struct app *order_app(struct order *o)
{
    struct slice appid = fields_text(&o->fields, "appid", APPID_MAX);
    struct app *a = appid.n ? book_find_app(o->c->book, appid) : book_app(o->c->book, 0);
    if (!a)
        fields_wrong(&o->fields, "appid: no such app");
    return a;
}

/* ---- codes ---- */

typedef void make_code_fn(struct book *b, const struct app *a, const struct code_order *order,
                          struct instant now, char *out);

static void make_codes(struct order *o, const struct code_order *order, make_code_fn *make)
{
    struct app *a = order_app(o);
    int64_t count = fields_int(&o->fields, "count", 1, CODES_AT_ONCE, 0);
    char code[PHONE_CODE_CHARS + 1];
    if (o->fields.wrong)
        return;
    if (count == 0) {
        make(o->c->book, a, order, o->now, code);
        reply_set(o, "code", json_string(code));
        return;
    }
    json_t *codes = json_array();
    for (; count > 0; count--) {
        make(o->c->book, a, order, o->now, code);
        ASSERT(json_array_append_new(codes, json_string(code)) == 0);
    }
    reply_set(o, "codes", codes);
}

static void order_login_code(struct order *o)
{
    struct fields *f = &o->fields;
    const struct code_order order = {
        .openid = fields_text(f, "openid", OPENID_MAX),
        .unionid = fields_text(f, "unionid", OPENID_MAX),
        .errcode = (int)fields_int(f, "errcode", -1, ERRCODE_MAX, 0),
    };
    make_codes(o, &order, book_make_login_code);
}

static struct slice country_of(struct fields *f)
{
    struct slice country = fields_text(f, "countryCode", 5);
    return country.n ? country : SLICE_LIT("86");
}

static void order_phone_code(struct order *o)
{
    struct fields *f = &o->fields;
    const struct code_order order = {
        .openid = fields_text(f, "openid", OPENID_MAX),
        .phone = fields_need_text(f, "phone", 19),
        .country = country_of(f),
        .errcode = (int)fields_int(f, "errcode", -1, ERRCODE_MAX, 0),
    };
    make_codes(o, &order, book_make_phone_code);
}

/* As the app's getPhoneNumber gets it from WeChat on the user's phone, which knows the session_key
 * of the last login. */
static void order_encrypted_phone(struct order *o)
{
    struct fields *f = &o->fields;
    const struct app *a = order_app(o);
    struct slice openid = fields_need_text(f, "openid", OPENID_MAX);
    struct slice number = fields_need_text(f, "phone", 19), country = country_of(f);
    int64_t age_s = fields_int(f, "age_s", -AGE_MAX_S, AGE_MAX_S, 0);
    char key[SESSION_KEY_CHARS + 1], number_text[20], country_text[6];
    if (!f->wrong && !book_session_key(o->c->book, a, openid, key))
        fields_wrong(f, "openid: has no session_key before a login");
    if (f->wrong)
        return;
    ASSERT(slice_copy(number, number_text, sizeof number_text) &&
           slice_copy(country, country_text, sizeof country_text));
    struct phone phone = {number_text, country_text, wall_after(o->now.wall, -age_s * 1000)};
    struct phone_data data;
    phone_data_encrypt(key, a, &phone, &data);
    reply_set(o, "encryptedData", json_string(data.encrypted));
    reply_set(o, "iv", json_string(data.iv));
}

/* ---- faults ---- */

static void order_fault(struct order *o)
{
    struct fields *f = &o->fields;
    struct fault fault = {
        .kind = fault_kind_of(fields_need_text(f, "kind", 16)),
        .times = fields_int(f, "times", FAULT_FOREVER, TIMES_MAX, 1),
        .ms = fields_int(f, "ms", 0, DELAY_MAX_MS, 0),
        .errcode = (int)fields_int(f, "errcode", -1, ERRCODE_MAX, WX_BUSY),
    };
    struct slice path = fields_need_text(f, "path", FAULT_PATH_MAX);
    if (fault.kind == FAULT_NONE)
        fields_wrong(f, "kind: no such fault");
    if (!slice_is(path, "*") && !slice_starts(path, "/"))
        fields_wrong(f, "path: expected the beginning of a path, or *");
    if (f->wrong)
        return;
    ASSERT(slice_copy(path, fault.path, sizeof fault.path));
    if (!fault_rules_add(o->c->faults, &fault))
        fields_wrong(f, "too many faults wait already");
}

static void order_release(struct order *o)
{
    reply_int(o, "released", delivery_release(o->c->delivery));
}

static void order_reset(struct order *o)
{
    bool all = fields_bool(&o->fields, "all", false);
    if (o->fields.wrong)
        return;
    fault_rules_clear(o->c->faults);
    tally_clear(o->c->tally);
    book_clear_counts(o->c->book);
    if (all)
        book_restart(o->c->book);
    reply_int(o, "released", delivery_release(o->c->delivery));
    reply_int(o, "cut", delivery_cut_hanging(o->c->delivery));
}

/* ---- apps and tokens ---- */

/* Leaves alone what the order does not name. */
static void set_app(struct fields *f, struct app *a)
{
    struct slice secret = fields_text(f, "secret", SECRET_MAX);
    struct app_troubles troubles = a->troubles;
#define X(name, errcode) troubles.name = fields_bool(f, #name, troubles.name);
    APP_TROUBLES(X)
#undef X
    bool unauthorized = fields_bool(f, "unauthorized", a->unauthorized);
    bool numeric = fields_bool(f, "country_code_number", a->country_code_number);
    bool extra = fields_bool(f, "extra_fields", a->extra_fields);
    int64_t chars = fields_int(f, "token_chars", TOKEN_CHARS_MIN, TOKEN_MAX, a->token_chars);
    if (f->wrong)
        return;
    if (secret.n)
        secret_set(&a->secret, secret);
    a->troubles = troubles;
    a->unauthorized = unauthorized;
    a->country_code_number = numeric;
    a->extra_fields = extra;
    a->token_chars = chars;
}

static void order_app_settings(struct order *o)
{
    struct fields *f = &o->fields;
    struct slice appid = fields_need_text(f, "appid", APPID_MAX);
    struct slice secret = fields_text(f, "secret", SECRET_MAX);
    if (!f->wrong && secret.n == 0 && !book_find_app(o->c->book, appid))
        fields_wrong(f, "secret: missing for a new app");
    if (f->wrong)
        return;
    struct app *a = book_add_app(o->c->book, appid, secret);
    if (a)
        set_app(f, a);
    else
        fields_wrong(f, "too many apps");
}

static void order_displace(struct order *o)
{
    struct fields *f = &o->fields;
    struct slice family = fields_text(f, "family", 16);
    int64_t times = fields_int(f, "times", 1, 1000, 1);
    struct app *a = order_app(o);
    if (family.n && !slice_is(family, "classic") && !slice_is(family, "stable"))
        fields_wrong(f, "family: expected classic or stable");
    if (f->wrong)
        return;
    for (int64_t i = 0; i < times; i++) {
        struct issuance taken = {.app = a, .displaced = true, .at = o->now.wall};
        app_displace(a, book_rules(o->c->book),
                     slice_is(family, "stable") ? FAMILY_STABLE : FAMILY_CLASSIC, o->now,
                     &taken.grant);
        ledger_add(book_ledger(o->c->book), &taken);
    }
    reply_int(o, "displaced", (uint64_t)times);
}

static json_t *issuance_of(const struct book *b, const struct issuance *i)
{
    char token[TOKEN_MAX + 1];
    book_write_token(b, i->app, &i->grant, token);
    json_t *json = json_pack("{s:s,s:s,s:s,s:I,s:b}", "token", token, "appid", i->app->appid,
                             "family", i->grant.family == FAMILY_STABLE ? "stable" : "classic",
                             "at", (json_int_t)i->at.ms, "displaced", i->displaced);
    ASSERT(json != NULL);
    return json;
}

static void order_issuances(struct order *o)
{
    const struct ledger *l = book_ledger(o->c->book);
    const struct rules *rules = book_rules(o->c->book);
    json_t *list = json_array();
    for (size_t i = 0; i < ledger_count(l); i++)
        ASSERT(json_array_append_new(list, issuance_of(o->c->book, ledger_at(l, i))) == 0);
    reply_int(o, "lifetime_ms", (uint64_t)rules->lifetime_ms);
    reply_int(o, "overlap_ms", (uint64_t)rules->overlap_ms);
    reply_set(o, "issuances", list);
}

static void order_check(struct order *o)
{
    static const char *const ranks[] = {
        [RANK_UNKNOWN] = "unknown",
        [RANK_OLD] = "old",
        [RANK_PREVIOUS] = "previous",
        [RANK_CURRENT] = "current",
    };
    const json_t *token = json_object_get(o->fields.object, "token");
    if (!json_is_string(token)) {
        fields_wrong(&o->fields, "token: missing");
        return;
    }
    struct slice text = {json_string_value(token), json_string_length(token)};
    struct token_view view = book_view_token(o->c->book, text, o->now.mono);
    reply_set(o, "live", json_boolean(view.state.verdict == TOKEN_LIVE));
    reply_set(o, "rank", json_string(ranks[view.state.rank]));
    reply_int(o, "usable_for_ms", (uint64_t)view.state.usable_for_ms);
    if (view.app) {
        reply_set(o, "appid", json_string(view.app->appid));
        reply_set(o, "family", json_string(view.family == FAMILY_STABLE ? "stable" : "classic"));
    }
}

/* ---- stats ---- */

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *calls_of(const struct tally *t, size_t row)
{
    json_t *calls = json_object();
    char name[OUTCOME_NAME_SIZE];
    struct outcome outcome;
    uint64_t n;
    for (size_t at = 0; tally_next(t, row, &at, &outcome, &n);)
        ASSERT(json_object_set_new(calls, outcome_name(&outcome, name), count(n)) == 0);
    return calls;
}

static json_t *all_calls(const struct tally *t)
{
    json_t *calls = json_object();
    for (size_t row = 0; row <= api_routes(); row++) {
        json_t *of_path = calls_of(t, row);
        if (json_object_size(of_path) > 0)
            ASSERT(json_object_set(calls, api_path(row), of_path) == 0);
        json_decref(of_path);
    }
    return calls;
}

static json_t *stats_of(const struct app *a)
{
    json_t *stats = json_pack(
        "{s:{s:I,s:I},s:I,s:I}", "issued", "classic", (json_int_t)a->counts.issued[FAMILY_CLASSIC],
        "stable", (json_int_t)a->counts.issued[FAMILY_STABLE], "displaced",
        (json_int_t)a->counts.displaced, "dead_token_uses", (json_int_t)a->counts.dead_token_uses);
    ASSERT(stats != NULL);
    return stats;
}

static void order_stats(struct order *o)
{
    json_t *apps = json_object();
    uint64_t issued = 0, dead = 0;
    const struct app *a;
    for (size_t i = 0; (a = book_app(o->c->book, i)) != NULL; i++) {
        issued += a->counts.issued[FAMILY_CLASSIC] + a->counts.issued[FAMILY_STABLE];
        dead += a->counts.dead_token_uses;
        ASSERT(json_object_set_new(apps, a->appid, stats_of(a)) == 0);
    }
    reply_int(o, "issued", issued);
    reply_int(o, "dead_token_uses", dead);
    reply_int(o, "unknown_token_uses", book_unknown_token_uses(o->c->book));
    reply_int(o, "held", delivery_held(o->c->delivery));
    reply_int(o, "hanging", delivery_hanging(o->c->delivery));
    reply_int(o, "faults", fault_rules_count(o->c->faults));
    reply_set(o, "calls", all_calls(o->c->tally));
    reply_set(o, "apps", apps);
}

/* ---- orders ---- */

#define ORDERS(X)                                                                                  \
    X("login-code", true, order_login_code,                                                        \
      "{appid?, openid?, unionid?, errcode?, count?} -> {code}, with count {codes}")               \
    X("phone-code", true, order_phone_code,                                                        \
      "{appid?, phone, countryCode?, openid?, errcode?, count?} -> the same")                      \
    X("encrypted-phone", true, order_encrypted_phone,                                              \
      "{appid?, openid, phone, countryCode?, age_s?} -> {encryptedData, iv} of getPhoneNumber")    \
    X("fault", true, order_fault, "{path, kind, times?, ms?, errcode?}: see below")                \
    X("release", true, order_release, "lets held answers go")                                      \
    X("displace", true, order_displace,                                                            \
      "{appid?, family?, times?}: a second environment fetches a token")                           \
    X("app", true, order_app_settings,                                                             \
      "{appid, secret?, frozen?, ip_refused?, punished?, ...}: makes or changes an app")           \
    X("check", true, order_check,                                                                  \
      "{token} -> {live, rank: current|previous|old|unknown, usable_for_ms, appid, family}")       \
    X("issuances", false, order_issuances,                                                         \
      "the last 4096: {token, appid, family, at, displaced}, and the rules they live by")          \
    X("reset", true, order_reset,                                                                  \
      "{all?}: no faults, counters at 0, held and hanging calls let go; all: no tokens either")    \
    X("stats", false, order_stats, "calls by path and outcome, issued, dead_token_uses, ...")

static const struct {
    const char *name;
    bool is_post;
    void (*carry_out)(struct order *o);
} orders[] = {
#define X(name, is_post, fn, help) {name, is_post, fn},
    ORDERS(X)
#undef X
};

#define EFFECT_TEXT_DONE "the call is carried out"
#define EFFECT_TEXT_NONE "nothing is carried out"

const char control_help[] = "Orders, as POST /_sim/NAME (GET for stats and issuances) with a JSON "
                            "object; appid is the first app where it"
                            "\nis left out:\n\n"
#define X(name, is_post, fn, help) "  " name "\n      " help "\n"
    ORDERS(X)
#undef X
        "\nFaults, by the order fault: the next `times` calls (-1: all until the reset) whose "
        "path\n"
        "begins with `path` (*: any but /_sim/) are caught by the oldest fault that fits. "
        "Kinds:\n\n"
#define X(name, effect, help) "  " #name "  (" EFFECT_TEXT_##effect ")\n      " help "\n"
    FAULT_KINDS(X)
#undef X
    ;

static int refuse(json_t *reply, int status, const char *why)
{
    ASSERT(json_object_clear(reply) == 0 &&
           json_object_set_new(reply, "error", json_string(why)) == 0);
    return status;
}

/* False when there is a body and it is no JSON object. */
static bool parse(struct slice body, json_t **out)
{
    *out = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    return body.n == 0 || json_is_object(*out);
}

int control_order(const struct control *c, struct slice name, bool is_post, struct slice body,
                  struct instant now, json_t **out)
{
    size_t i = 0;
    json_t *object = NULL;
    *out = json_object();
    while (i < ARRAY_LEN(orders) && !slice_is(name, orders[i].name))
        i++;
    if (i == ARRAY_LEN(orders))
        return refuse(*out, 404, "no such order");
    if (orders[i].is_post != is_post)
        return refuse(*out, 405, is_post ? "expected GET" : "expected POST");
    struct order o = {c, {.object = NULL}, now, *out};
    if (parse(body, &object)) {
        o.fields.object = object;
        orders[i].carry_out(&o);
    } else {
        fields_wrong(&o.fields, "expected a JSON object");
    }
    json_decref(object);
    return o.fields.wrong ? refuse(*out, 400, o.fields.why.text) : 200;
}
