#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

bool err_set(struct err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return false;
}

const char *err_class_name(enum err_class c)
{
    switch (c) {
    case ERR_NONE:
        return "none";
    case ERR_RETRY:
        return "retry";
    case ERR_BACKOFF:
        return "backoff";
    case ERR_UNKNOWN:
        return "unknown";
    case ERR_TOKEN:
        return "token";
    case ERR_USER:
        return "user";
    case ERR_QUOTA:
        return "quota";
    case ERR_OPERATOR:
        return "operator";
    case ERR_BUG:
        return "bug";
    }
    return "?";
}
