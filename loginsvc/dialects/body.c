#include "loginsvc/dialects/body.h"

#include <string.h>

#include "http/form.h"
#include "wechat/api.h"

static json_t *object_of_form(struct slice bytes)
{
    struct form form;
    json_t *object = json_object();
    if (!form_decode(bytes, &form, NULL)) {
        json_decref(object);
        return NULL;
    }
    for (size_t i = form.n; i-- > 0;) { /* backwards: the first of equal names wins */
        const struct form_pair *pair = &form.pairs[i];
        char name[64];
        if (!slice_copy(pair->name, name, sizeof name))
            continue; /* no field of ours is called that */
        if (json_object_set_new(object, name, json_stringn(pair->value.p, pair->value.n)) != 0) {
            json_decref(object);
            object = NULL;
            break;
        }
    }
    form_deinit(&form);
    return object;
}

bool body_parse(struct slice bytes, struct body *b)
{
    bytes = slice_trim(bytes);
    if (bytes.n == 0)
        b->object = json_object();
    else if (bytes.p[0] == '{')
        /* No field of ours is a number; as a real, one of any size is none of our business. */
        b->object =
            json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    else
        b->object = bytes.p[0] == '[' ? NULL : object_of_form(bytes);
    return b->object != NULL;
}

/* A client that calls it JSON means JSON; what calls itself a form may be either (curl -d). */
bool body_of_call(const struct http_call *call, struct body *b)
{
    struct slice type = http_call_header(call, "Content-Type");
    struct slice bytes = slice_trim(http_call_body(call));
    b->object = NULL;
    if (bytes.n > 0 && bytes.p[0] != '{' && type.n > 0 && strcasestr(type.p, "json"))
        return false;
    return body_parse(bytes, b);
}

/* What a front end writes where it has no value. */
static bool is_nothing(struct slice value)
{
    return slice_is(value, "undefined") || slice_is(value, "null");
}

bool body_of_query(const struct http_call *call, const char *const *names, struct body *b)
{
    b->object = json_object();
    for (; *names; names++) {
        struct slice value = http_call_query(call, *names);
        if (value.p && !is_nothing(value) &&
            json_object_set_new(b->object, *names, json_stringn(value.p, value.n)) != 0) {
            body_deinit(b);
            return false;
        }
    }
    return true;
}

void body_deinit(struct body *b)
{
    json_decref(b->object);
    b->object = NULL;
}

/* A text whose every byte lies above `low` and is not DEL. */
static enum body_field text_above(const struct body *b, const char *name, size_t max,
                                  unsigned char low, struct slice *out)
{
    const json_t *value = json_object_get(b->object, name);
    *out = (struct slice){NULL, 0};
    if (!value || json_is_null(value))
        return BODY_ABSENT;
    if (!json_is_string(value) || json_string_length(value) > max)
        return BODY_WRONG;
    *out = (struct slice){json_string_value(value), json_string_length(value)};
    for (size_t i = 0; i < out->n; i++) {
        if ((unsigned char)out->p[i] <= low || out->p[i] == 0x7f)
            return BODY_WRONG;
    }
    return out->n == 0 ? BODY_ABSENT : BODY_TEXT;
}

enum body_field body_text(const struct body *b, const char *name, size_t max, struct slice *out)
{
    return text_above(b, name, max, 0x1f, out);
}

enum body_field body_code(const struct body *b, const char *name, struct slice *out)
{
    enum body_field field = text_above(b, name, WECHAT_CODE_MAX, ' ', out);
    for (size_t i = 0; field == BODY_TEXT && i < out->n; i++) {
        if ((unsigned char)out->p[i] > '~')
            return BODY_WRONG;
    }
    return field;
}

bool body_flag(const struct body *b, const char *name, bool *out)
{
    const json_t *value = json_object_get(b->object, name);
    struct slice text = {json_string_value(value), json_string_length(value)};
    bool yes = json_is_true(value) || slice_is(text, "true") || slice_is(text, "1");
    bool no = !value || json_is_null(value) || json_is_false(value) || slice_is(text, "false") ||
              slice_is(text, "0") || (text.p && text.n == 0);
    *out = yes;
    return yes || no;
}
