#include "tokend/api/view.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENT_NAME_MAX = TOKEN_APPID_MAX, /* bytes of a name, an id, an appid */
    EVENT_DATA_MAX = 4096,
};

static const char *wanted_state(const struct refresh_status *s)
{
    switch (s->last_err) {
    case ERR_OPERATOR:
    case ERR_BUG:
        return "parked";
    case ERR_QUOTA:
        return "waiting_for_quota";
    case ERR_NONE:
    case ERR_RETRY:
        return "refreshing";
    case ERR_BACKOFF:
    case ERR_UNKNOWN:
    case ERR_TOKEN:
    case ERR_USER:
        return "retrying";
    }
    return "refreshing";
}

const char *view_state(const struct refresh_status *s)
{
    if (!s->leading)
        return "following";
    return s->reason == REFRESH_REASON_NONE ? "fresh" : wanted_state(s);
}

static json_int_t seconds(int64_t ms)
{
    return ms > 0 ? ms / 1000 : 0;
}

json_t *view_app(const struct app *a, mono_ms_t now)
{
    struct refresh_status s = app_status(a);
    struct app_token t;
    bool live = app_token(a, &t);
    const struct record *r = refresh_record(app_refresh(a));
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:s,s:I,s:I}", "appid", app_id(a),
                     "mode", token_mode_name(app_mode(a)), "state", view_state(&s), "reason",
                     refresh_reason_name(s.reason), "has_token", live, "version",
                     (json_int_t)r->version, "expires_in", seconds(t.remaining_ms),
                     "previous_usable_for", seconds(t.previous_ms), "next_refresh_in",
                     seconds(mono_between(now, s.next_refresh)), "failures", (json_int_t)s.failures,
                     "last_error", err_class_name(s.last_err), "last_errcode",
                     (json_int_t)s.last_errcode, "issued_today", (json_int_t)s.issued_today);
}

/* ---- events ---- */

/* A field as a number where it is one. */
static json_t *field_value(const struct redis_value *v)
{
    int64_t n;
    struct slice s = redis_value_slice(v);
    return redis_value_int(v, &n) ? json_integer(n) : json_stringn(s.p ? s.p : "", s.n);
}

static json_t *event_of(const struct redis_value *entry)
{
    struct slice id = redis_value_slice(redis_value_at(entry, 0)), rest = id;
    const struct redis_value *fields = redis_value_at(entry, 1);
    json_t *event = json_object();
    int64_t at;
    json_object_set_new(event, "id", json_stringn(id.p ? id.p : "", id.n));
    if (slice_to_int(slice_cut(&rest, '-'), 0, INT64_MAX, &at))
        json_object_set_new(event, "at", json_integer(at));
    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2) {
        char name[64];
        if (slice_copy(redis_value_slice(redis_value_at(fields, i)), name, sizeof name))
            json_object_set_new(event, name, field_value(redis_value_at(fields, i + 1)));
    }
    return event;
}

/* ---- server-sent events ---- */

/* What stands in a line of its own: a plain word, or none at all. */
static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_' && !islower((unsigned char)s.p[i]) && !isdigit((unsigned char)s.p[i]))
            return false;
    return s.n > 0 && s.n <= EVENT_NAME_MAX;
}

/* Without what makes it long. */
static char *shortened(const json_t *event)
{
    json_t *rest = json_object();
    static const char *const kept[] = {"id", "at", "event", "appid"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        json_t *value = json_object_get(event, kept[i]);
        if (value && json_string_length(value) <= EVENT_NAME_MAX)
            json_object_set(rest, kept[i], value);
    }
    char *data = json_dumps(rest, JSON_COMPACT);
    json_decref(rest);
    return data;
}

char *view_event_lines(const struct redis_value *entry, const char *appid)
{
    json_t *event = event_of(entry), *name = json_object_get(event, "event");
    struct slice word = {json_string_value(name), json_string_length(name)};
    json_object_set_new(event, "appid", json_string(appid));
    char *data = json_dumps(event, JSON_COMPACT);
    if (strlen(data) > EVENT_DATA_MAX) {
        free(data);
        data = shortened(event);
    }
    size_t size = strlen(data) + EVENT_NAME_MAX + sizeof "event: \ndata: \n\n";
    struct text out = text_init(xcalloc(size, 1), size);
    if (is_word(word))
        text_fmt(&out, "event: %.*s\n", (int)word.n, word.p);
    text_fmt(&out, "data: %s\n\n", data);
    free(data);
    json_decref(event);
    return out.p;
}

json_t *view_events(const struct redis_value *entries)
{
    json_t *list = json_array();
    for (size_t i = 0; i < redis_value_count(entries); i++)
        json_array_append_new(list, event_of(redis_value_at(entries, i)));
    return list;
}
