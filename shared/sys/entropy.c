#include "sys/entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

void entropy_fill(void *out, size_t n)
{
    unsigned char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        p += got;
        n -= (size_t)got;
    }
}

uint64_t entropy_u64(void)
{
    uint64_t v;
    entropy_fill(&v, sizeof v);
    return v;
}

void entropy_hex(char *out, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *raw = out + bytes; /* the upper half: read always ahead of what is written */
    entropy_fill(raw, bytes);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char b = (unsigned char)raw[i];
        *out++ = digits[b >> 4];
        *out++ = digits[b & 15];
    }
    *out = '\0';
}
