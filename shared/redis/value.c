#include "redis/value.h"

#include <hiredis/hiredis.h>

/* struct redis_value is hiredis' reply under a name of ours; it is never defined. */
static const redisReply *reply_of(const struct redis_value *v)
{
    return (const void *)v;
}

enum redis_type redis_value_type(const struct redis_value *v)
{
    if (!v)
        return REDIS_TYPE_NIL;
    switch (reply_of(v)->type) {
    case REDIS_REPLY_NIL:
        return REDIS_TYPE_NIL;
    case REDIS_REPLY_INTEGER:
        return REDIS_TYPE_INT;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TYPE_TEXT;
    case REDIS_REPLY_ARRAY:
        return REDIS_TYPE_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_TYPE_ERROR;
    default:
        return REDIS_TYPE_OTHER;
    }
}

bool redis_value_is_nil(const struct redis_value *v)
{
    return redis_value_type(v) == REDIS_TYPE_NIL;
}

struct slice redis_value_slice(const struct redis_value *v)
{
    enum redis_type type = redis_value_type(v);
    if (type != REDIS_TYPE_TEXT && type != REDIS_TYPE_ERROR)
        return (struct slice){NULL, 0};
    return (struct slice){reply_of(v)->str, reply_of(v)->len};
}

bool redis_value_int(const struct redis_value *v, int64_t *out)
{
    enum redis_type type = redis_value_type(v);
    if (type == REDIS_TYPE_INT)
        *out = reply_of(v)->integer;
    return type == REDIS_TYPE_INT ||
           (type == REDIS_TYPE_TEXT &&
            slice_to_int(redis_value_slice(v), INT64_MIN, INT64_MAX, out));
}

size_t redis_value_count(const struct redis_value *v)
{
    return redis_value_type(v) == REDIS_TYPE_ARRAY ? reply_of(v)->elements : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
    return i < redis_value_count(v) ? (const void *)reply_of(v)->element[i] : NULL;
}
