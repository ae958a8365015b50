#include "wxsim/query.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that stands at the front of *in, which is not empty; -1 when its escape is wrong. */
static int take_byte(struct slice *in)
{
    char c = in->p[0];
    size_t used = 1;
    int byte = c == '+' ? ' ' : (unsigned char)c;
    if (c == '%') {
        int high = in->n > 2 ? hex_digit(in->p[1]) : -1, low = in->n > 2 ? hex_digit(in->p[2]) : -1;
        byte = high < 0 || low < 0 ? -1 : high * 16 + low;
        used = 3;
    }
    if (byte <= 0)
        return -1;
    in->p += used;
    in->n -= used;
    return byte;
}

static struct slice decode(struct slice in, char *out, size_t size)
{
    struct text t = text_init(out, size);
    while (in.n > 0 && !t.cut) {
        int byte = take_byte(&in);
        if (byte < 0)
            return (struct slice){out, 0};
        text_char(&t, (char)byte);
    }
    return (struct slice){out, t.cut ? 0 : t.n};
}

struct slice query_get(struct slice query, const char *name, char *out, size_t size)
{
    while (query.p) {
        struct slice value = slice_cut(&query, '&');
        struct slice key = slice_cut(&value, '=');
        if (slice_is(key, name))
            return decode(value, out, size);
    }
    return (struct slice){out, 0};
}
