#include "tokend/refresh/store.h"

#include <inttypes.h>
#include <stdio.h>

#include "wechat/ascii.h"
#include "wechat/request.h"

enum { NUMBER_SIZE = 24, MAX_ARGS = 16 };

/* The arguments of a script, numbers written out. */
struct args {
    struct slice list[MAX_ARGS];
    char numbers[MAX_ARGS][NUMBER_SIZE];
    size_t n;
};

static void add_text(struct args *a, struct slice s)
{
    ASSERT(a->n < MAX_ARGS);
    a->list[a->n++] = s.p ? s : SLICE_LIT("");
}

static void add_number(struct args *a, int64_t v)
{
    ASSERT(a->n < MAX_ARGS);
    snprintf(a->numbers[a->n], NUMBER_SIZE, "%" PRId64, v);
    add_text(a, slice_of(a->numbers[a->n]));
}

static void add_flag(struct args *a, bool v)
{
    add_text(a, v ? SLICE_LIT("1") : SLICE_LIT("0"));
}

/* ARGV[3..10] of the scripts that write a record. */
static void add_record(struct args *a, const struct refresh_written *w)
{
    add_text(a, w->token);
    add_text(a, slice_of(token_mode_name(w->mode)));
    add_number(a, w->issued_at.ms);
    add_number(a, w->expires_at.ms);
    add_number(a, w->ttl_ms);
    add_text(a, w->previous);
    add_number(a, w->previous_until.ms);
    add_number(a, w->previous_ttl_ms);
}

static const struct redis_script *build(const struct store *s, const char *appid,
                                        const struct refresh_action *a, const char *channel,
                                        struct args *args)
{
    add_number(args, a->epoch);
    switch (a->kind) {
    case REFRESH_DO_READ:
        add_text(args, slice_of(s->owner));
        return &s->scripts->read;
    case REFRESH_DO_ASSERT:
        add_number(args, a->record.version);
        add_record(args, &a->record);
        add_number(args, a->day);
        add_number(args, a->issued_today);
        add_text(args, a->intent);
        return &s->scripts->assert_record;
    case REFRESH_DO_BEGIN:
        add_number(args, a->version);
        add_number(args, a->day);
        add_number(args, a->issued_today);
        add_number(args, a->budget);
        add_text(args, a->intent);
        add_flag(args, a->force);
        return &s->scripts->begin;
    case REFRESH_DO_COMMIT:
        add_number(args, a->record.version);
        add_record(args, &a->record);
        add_flag(args, a->refund);
        add_text(args, slice_of(channel));
        add_text(args, slice_of(appid));
        add_text(args, slice_of(s->owner));
        add_text(args, a->intent);
        return &s->scripts->commit;
    case REFRESH_DO_SETTLE:
        add_flag(args, a->drop_intent);
        add_flag(args, a->refund);
        add_text(args, slice_of(err_class_name(a->err)));
        add_number(args, a->errcode);
        add_text(args, slice_of(s->owner));
        add_text(args, a->intent);
        return &s->scripts->settle;
    case REFRESH_DO_TELL:
    case REFRESH_DO_FETCH:
    case REFRESH_DO_PROBE:
    case REFRESH_DO_NOTE:
        break;
    }
    UNREACHABLE("not a script");
}

/* Runs a script of the app. */
static uint64_t run_for(const struct store *s, const char *appid, const struct redis_script *script,
                        enum redis_when when, const struct args *args, redis_done_fn *fn, void *arg)
{
    char names[TOKEN_SCRIPT_KEYS][TOKEN_KEY_SIZE];
    struct slice keys[TOKEN_SCRIPT_KEYS];
    for (size_t i = 0; i < TOKEN_SCRIPT_KEYS; i++) {
        token_key(token_script_keys[i], s->prefix, appid, names[i]);
        keys[i] = slice_of(names[i]);
    }
    return redis_run(s->redis, script, when, s->timeout_ms, keys, TOKEN_SCRIPT_KEYS, args->list,
                     args->n, fn, arg);
}

static uint64_t run_script(const struct store *s, const char *appid, const struct refresh_action *a,
                           redis_done_fn *fn, void *arg)
{
    char channel[TOKEN_KEY_SIZE];
    struct args args = {.n = 0};
    token_key(TOKEN_KEY_REFRESHED, s->prefix, appid, channel);
    const struct redis_script *script = build(s, appid, a, channel, &args);
    return run_for(s, appid, script, REDIS_NOW, &args, fn, arg);
}

static enum store_report report_of(enum refresh_event_kind tell)
{
    if (tell == REFRESH_DISPLACED)
        return STORE_REPORT_DISPLACED;
    return tell == REFRESH_ORDER ? STORE_REPORT_ORDER : STORE_REPORT_REFUSED;
}

uint64_t store_run(const struct store *s, const char *appid, const struct refresh_action *a,
                   redis_done_fn *fn, void *arg)
{
    if (a->kind == REFRESH_DO_TELL)
        return store_add_report(s, appid, report_of(a->tell), a->version, 0, s->owner, fn, arg);
    return run_script(s, appid, a, fn, arg);
}

/* ---- answers ---- */

static int64_t number_at(const struct redis_value *v, size_t i)
{
    int64_t n = 0;
    return redis_value_int(redis_value_at(v, i), &n) ? n : 0;
}

/* What a script's answer begins with; empty when it did not answer. */
static struct slice word_of(const struct redis_result *r)
{
    bool replied = r->outcome == REDIS_REPLIED;
    return redis_value_slice(replied ? redis_value_at(r->value, 0) : NULL);
}

static enum refresh_store outcome(const struct redis_result *r)
{
    static const struct {
        const char *word;
        enum refresh_store store;
    } words[] = {
        {"ok", REFRESH_STORE_OK},         {"fenced", REFRESH_STORE_FENCED},
        {"newer", REFRESH_STORE_NEWER},   {"budget", REFRESH_STORE_BUDGET},
        {"forced", REFRESH_STORE_FORCED}, {"late", REFRESH_STORE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_is(word_of(r), words[i].word))
            return words[i].store;
    return REFRESH_STORE_FAILED;
}

/* What WeChat can never have given was tampered with: as good as lost. */
static struct slice token_at(const struct redis_value *v, size_t i)
{
    struct slice token = redis_value_slice(redis_value_at(v, i));
    return ascii_only(token, 1, WECHAT_TOKEN_MAX, ascii_printable) ? token : slice_of(NULL);
}

static enum err_class class_at(const struct redis_value *v, size_t i)
{
    struct slice name = redis_value_slice(redis_value_at(v, i));
    for (enum err_class c = ERR_NONE; c <= ERR_BUG; c++)
        if (slice_is(name, err_class_name(c)))
            return c;
    return ERR_NONE;
}

static struct refresh_seen seen_of(const struct redis_value *v)
{
    struct slice mode = redis_value_slice(redis_value_at(v, 7));
    return (struct refresh_seen){
        .version = number_at(v, 2),
        .token = token_at(v, 3),
        .remaining_ms = number_at(v, 4),
        .issued_at = {number_at(v, 5)},
        .expires_at = {number_at(v, 6)},
        .mode = slice_is(mode, token_mode_name(TOKEN_STABLE)) ? TOKEN_STABLE : TOKEN_CLASSIC,
        .previous = token_at(v, 8),
        .previous_remaining_ms = number_at(v, 9),
        .intent = redis_value_slice(redis_value_at(v, 10)),
        .day = number_at(v, 11),
        .issued_today = number_at(v, 12),
        .last_err = class_at(v, 13),
        .last_errcode = number_at(v, 14),
    };
}

void store_answer(enum refresh_action_kind kind, uint64_t op, const struct redis_result *r,
                  struct refresh_event *out, int64_t *fenced_by)
{
    *out = (struct refresh_event){.kind = refresh_answer(kind), .op = op, .store = outcome(r)};
    *fenced_by = 0;
    if (kind == REFRESH_DO_TELL && r->outcome == REDIS_REPLIED)
        out->store = REFRESH_STORE_OK; /* the entry's id; no word of a script */
    if (out->store == REFRESH_STORE_FENCED)
        *fenced_by = number_at(r->value, 1);
    if (slice_is(word_of(r), "ok") || slice_is(word_of(r), "late"))
        out->redis_now = (wall_ms_t){number_at(r->value, 1)};
    if (out->store != REFRESH_STORE_OK)
        return;
    if (kind == REFRESH_DO_READ)
        out->seen = seen_of(r->value);
    else if (kind == REFRESH_DO_BEGIN)
        out->issued_today = number_at(r->value, 2);
    else if (kind == REFRESH_DO_COMMIT)
        out->version = number_at(r->value, 2);
}

/* ---- the lease ---- */

static struct slice lease_verb(enum lease_action_kind kind)
{
    switch (kind) {
    case LEASE_DO_ACQUIRE:
        return SLICE_LIT("acquire");
    case LEASE_DO_RENEW:
        return SLICE_LIT("renew");
    case LEASE_DO_RELEASE:
        return SLICE_LIT("release");
    case LEASE_DO_LEAD:
    case LEASE_DO_UNLEAD:
        break;
    }
    UNREACHABLE("not an operation on Redis");
}

uint64_t store_run_lease(const struct store *s, const struct lease_action *a, redis_done_fn *fn,
                         void *arg)
{
    char leader[TOKEN_KEY_SIZE], epoch[TOKEN_KEY_SIZE], released[TOKEN_KEY_SIZE];
    struct args args = {.n = 0};
    token_global_key(TOKEN_GLOBAL_LEADER, s->prefix, leader);
    token_global_key(TOKEN_GLOBAL_EPOCH, s->prefix, epoch);
    token_global_key(TOKEN_GLOBAL_RELEASED, s->prefix, released);
    add_text(&args, lease_verb(a->kind));
    add_text(&args, slice_of(s->owner));
    add_number(&args, s->lease_ttl_ms);
    add_number(&args, a->epoch);
    add_text(&args, slice_of(released));
    const struct slice keys[] = {slice_of(leader), slice_of(epoch)};
    return redis_run(s->redis, &s->scripts->lease, REDIS_NOW, s->timeout_ms, keys, ARRAY_LEN(keys),
                     args.list, args.n, fn, arg);
}

void store_lease_answer(uint64_t op, const struct redis_result *r, struct lease_event *out,
                        struct lease_holder *holder)
{
    struct slice word = redis_value_slice(redis_value_at(r->value, 0));
    *out = (struct lease_event){.kind = LEASE_FAILED, .op = op};
    *holder = (struct lease_holder){.epoch = 0};
    if (r->outcome != REDIS_REPLIED)
        return;
    if (slice_is(word, "ok")) {
        out->kind = LEASE_GRANTED;
        out->epoch = number_at(r->value, 1);
    } else if (slice_is(word, "held")) {
        out->kind = LEASE_HELD;
        out->remaining_ms = number_at(r->value, 1);
        struct slice name = redis_value_slice(redis_value_at(r->value, 2));
        if (ascii_only(name, 1, STORE_OWNER_MAX, ascii_printable))
            *holder = (struct lease_holder){name, number_at(r->value, 3)};
    }
}

/* ---- streams ---- */

enum { STREAM_KEPT = 1000 };

void store_add_event(const struct store *s, const char *appid, const char *event, int64_t version,
                     int64_t errcode, struct slice by)
{
    struct args args = {.n = 0};
    add_number(&args, 0);
    add_text(&args, slice_of(event));
    add_number(&args, version);
    add_number(&args, errcode);
    add_text(&args, by);
    run_for(s, appid, &s->scripts->note, REDIS_WAIT, &args, NULL, NULL);
}

/* XADD of one entry. */
static void add_entry(struct args *args, const char *key, int64_t version, int64_t errcode,
                      const char *by)
{
    add_text(args, SLICE_LIT("XADD"));
    add_text(args, slice_of(key));
    add_text(args, SLICE_LIT("MAXLEN"));
    add_text(args, SLICE_LIT("~"));
    add_number(args, STREAM_KEPT);
    add_text(args, SLICE_LIT("*"));
    add_text(args, SLICE_LIT("version"));
    add_number(args, version);
    add_text(args, SLICE_LIT("errcode"));
    add_number(args, errcode);
    add_text(args, SLICE_LIT("by"));
    add_text(args, slice_of(by));
}

uint64_t store_add_report(const struct store *s, const char *appid, enum store_report kind,
                          int64_t version, int64_t errcode, const char *by, redis_done_fn *fn,
                          void *arg)
{
    char key[TOKEN_KEY_SIZE];
    struct args args = {.n = 0};
    token_key(TOKEN_KEY_REPORTS, s->prefix, appid, key);
    add_entry(&args, key, version, errcode, by);
    if (kind != STORE_REPORT_REFUSED) {
        add_text(&args, kind == STORE_REPORT_ORDER ? SLICE_LIT("order") : SLICE_LIT("displaced"));
        add_flag(&args, true);
    }
    return redis_command(s->redis, REDIS_WAIT, s->timeout_ms, args.list, args.n, fn, arg);
}

uint64_t store_drop_reports(const struct store *s, const char *appid, struct stream_id last,
                            redis_done_fn *fn, void *arg)
{
    char key[TOKEN_KEY_SIZE], id[STREAM_ID_SIZE];
    token_key(TOKEN_KEY_REPORTS, s->prefix, appid, key);
    stream_id_format(last, id);
    const struct slice keys[] = {slice_of(key)}, args[] = {slice_of(id)};
    return redis_run(s->redis, &s->scripts->drop_reports, REDIS_NOW, s->timeout_ms, keys, 1, args,
                     1, fn, arg);
}
