#include "http/method.h"

#include "base/check.h"

const char *http_method_name(enum http_method m)
{
#define X(name) #name,
    static const char *const names[] = {HTTP_METHODS(X)};
#undef X
    ASSERT((size_t)m < ARRAY_LEN(names));
    return names[m];
}
