#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void bytes_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

void secret_wipe(struct secret *s)
{
    if (s->bytes) {
        bytes_wipe(s->bytes, s->n);
        free(s->bytes);
    }
    *s = (struct secret){NULL, 0};
}

void secret_set(struct secret *s, struct slice value)
{
    char *copy = slice_dup(value);
    secret_wipe(s);
    *s = (struct secret){copy, value.n};
}

struct slice secret_reveal(const struct secret *s)
{
    return (struct slice){s->bytes, s->bytes ? s->n : 0};
}

bool secret_is_set(const struct secret *s)
{
    return s->bytes != NULL && s->n > 0;
}

bool bytes_eq_constant_time(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;
    for (size_t i = 0; i < n; i++)
        diff = (unsigned char)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
    struct slice x = secret_reveal(a), y = secret_reveal(b);
    return x.n == y.n && bytes_eq_constant_time(x.p, y.p, x.n);
}

const char *secret_mask(struct slice value, char out[SECRET_MASK_SIZE])
{
    if (value.n < 16)
        snprintf(out, SECRET_MASK_SIZE, "…");
    else
        snprintf(out, SECRET_MASK_SIZE, "%.3s…%.3s (%u)", value.p, value.p + value.n - 3,
                 (unsigned)value.n);
    return out;
}
