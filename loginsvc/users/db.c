#include "loginsvc/users/db.h"

#include <stdarg.h>
#include <stdio.h>

struct db_value db_null(void)
{
    return (struct db_value){DB_NULL, 0, {NULL, 0}};
}

struct db_value db_int(int64_t num)
{
    return (struct db_value){DB_INT, num, {NULL, 0}};
}

struct db_value db_text(const char *s)
{
    return (struct db_value){DB_TEXT, 0, slice_of(s)};
}

struct db_value db_text_or_null(const char *s)
{
    return s[0] ? db_text(s) : db_null();
}

struct db_value db_blob(const void *bytes, size_t n)
{
    return (struct db_value){DB_BLOB, 0, {bytes, n}};
}

void db_read_text(const struct db_value *column, char *out, size_t size)
{
    if (!slice_copy(column->bytes, out, size))
        out[0] = '\0';
}

bool db_fail(struct db_error *e, enum err_class class, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->line.text, sizeof e->line.text, fmt, ap);
    va_end(ap);
    e->class = class;
    e->again = class == ERR_RETRY;
    return false;
}
