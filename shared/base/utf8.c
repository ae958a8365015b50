#include "base/utf8.h"

static size_t length_by_lead(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xc2)
        return 0;
    if (c < 0xe0)
        return 2;
    if (c < 0xf0)
        return 3;
    return c < 0xf5 ? 4 : 0;
}

size_t utf8_first(struct slice s, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = s.n ? length_by_lead((unsigned char)s.p[0]) : 0;
    if (n == 0 || n > s.n)
        return 0;
    uint32_t c = (unsigned char)s.p[0] & lead_bits[n];
    for (size_t i = 1; i < n; i++) {
        unsigned char b = (unsigned char)s.p[i];
        if ((b & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b & 0x3fu);
    }
    if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return 0;
    if (code)
        *code = c;
    return n;
}

bool utf8_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

struct slice utf8_prefix(struct slice s, size_t max)
{
    if (s.n <= max)
        return s;
    for (size_t back = 1; back <= 3 && back <= max; back++) {
        struct slice tail = {s.p + max - back, s.n - max + back};
        size_t n = utf8_first(tail, NULL);
        if (n > 0)
            return (struct slice){s.p, n > back ? max - back : max};
    }
    return (struct slice){s.p, max};
}
