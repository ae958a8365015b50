#include "wxsim/fields.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fields_wrong(struct fields *f, const char *fmt, ...)
{
    va_list ap;
    if (f->wrong)
        return;
    f->wrong = true;
    va_start(ap, fmt);
    vsnprintf(f->why.text, sizeof f->why.text, fmt, ap);
    va_end(ap);
}

/* Nothing that would have to be escaped in the JSON of an answer. */
static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !(s.p[i] && strchr("-_+./*", s.p[i])))
            return false;
    return true;
}

struct slice fields_text(struct fields *f, const char *name, size_t max)
{
    const json_t *value = json_object_get(f->object, name);
    struct slice text = {json_string_value(value), json_string_length(value)};
    if (value && (!json_is_string(value) || text.n > max || !is_plain(text)))
        fields_wrong(f, "%s: expected up to %zu letters, digits and -_+./*", name, max);
    return f->wrong ? (struct slice){NULL, 0} : text;
}

struct slice fields_need_text(struct fields *f, const char *name, size_t max)
{
    struct slice text = fields_text(f, name, max);
    if (text.n == 0)
        fields_wrong(f, "%s: missing", name);
    return text;
}

int64_t fields_int(struct fields *f, const char *name, int64_t min, int64_t max, int64_t absent)
{
    const json_t *value = json_object_get(f->object, name);
    if (!value)
        return absent;
    int64_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= min && number <= max)
        return number;
    fields_wrong(f, "%s: expected an integer from %lld to %lld", name, (long long)min,
                 (long long)max);
    return absent;
}

bool fields_bool(struct fields *f, const char *name, bool absent)
{
    const json_t *value = json_object_get(f->object, name);
    if (!value)
        return absent;
    if (!json_is_boolean(value))
        fields_wrong(f, "%s: expected true or false", name);
    return json_is_true(value);
}
