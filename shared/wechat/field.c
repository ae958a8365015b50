#include "wechat/field.h"

#include <stdio.h>

#include "base/secret.h"

struct slice field_string(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

bool field_int(const json_t *value, int64_t min, int64_t max, int64_t *out)
{
    if (json_is_string(value))
        return slice_to_int(field_string(value), min, max, out);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return false;
    *out = json_integer_value(value);
    return true;
}

bool field_text(const json_t *value, char *out, size_t size)
{
    if (json_is_string(value))
        return slice_copy(field_string(value), out, size);
    if (!json_is_integer(value))
        return false;
    int n = snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return n > 0 && (size_t)n < size;
}

void field_wipe(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (json_is_string(value)) /* jansson's own heap copy */
        bytes_wipe((char *)json_string_value(value), json_string_length(value));
}
