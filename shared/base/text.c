#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slice slice_of(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_is(struct slice a, const char *s)
{
    return slice_eq(a, slice_of(s));
}

bool slice_starts(struct slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice a)
{
    while (a.n > 0 && is_blank(a.p[0])) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && is_blank(a.p[a.n - 1]))
        a.n--;
    return a;
}

struct slice slice_without_bom(struct slice a)
{
    static const char bom[] = "\xef\xbb\xbf";
    size_t n = slice_starts(a, bom) ? strlen(bom) : 0;
    return (struct slice){a.p + n, a.n - n};
}

struct slice slice_cut(struct slice *rest, char sep)
{
    struct slice all = *rest;
    const char *at = all.n ? memchr(all.p, sep, all.n) : NULL;
    if (!at) {
        *rest = (struct slice){NULL, 0};
        return all;
    }
    size_t n = (size_t)(at - all.p);
    *rest = (struct slice){at + 1, all.n - n - 1};
    return (struct slice){all.p, n};
}

bool slice_to_int(struct slice a, int64_t min, int64_t max, int64_t *out)
{
    bool negative = a.n > 0 && a.p[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i >= a.n || a.n - i > 18)
        return false;
    int64_t v = 0;
    for (; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
        v = v * 10 + (a.p[i] - '0');
    }
    if (negative)
        v = -v;
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool slice_copy(struct slice a, char *out, size_t size)
{
    ASSERT(size > 0);
    out[0] = '\0';
    if (a.n >= size)
        return false;
    if (a.n)
        memcpy(out, a.p, a.n);
    out[a.n] = '\0';
    return true;
}

char *slice_dup(struct slice a)
{
    char *s = xcalloc(a.n + 1, 1);
    if (a.n)
        memcpy(s, a.p, a.n);
    return s;
}

struct text text_init(char *p, size_t size)
{
    ASSERT(size > 0);
    p[0] = '\0';
    return (struct text){p, 0, size, false};
}

void text_add(struct text *t, struct slice s)
{
    size_t room = t->size - 1 - t->n;
    size_t n = s.n < room ? s.n : room;
    if (t->cut)
        return;
    if (n < s.n)
        t->cut = true;
    if (n)
        memcpy(t->p + t->n, s.p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void text_str(struct text *t, const char *s)
{
    text_add(t, slice_of(s));
}

void text_char(struct text *t, char c)
{
    text_add(t, (struct slice){&c, 1});
}

void text_fmt(struct text *t, const char *fmt, ...)
{
    if (t->cut)
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->p + t->n, t->size - t->n, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n >= t->size - t->n) {
        t->cut = true;
        t->n = t->size - 1;
    } else {
        t->n += (size_t)n;
    }
}

void text_urlencode(struct text *t, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            text_char(t, (char)c);
        } else {
            char hex[3] = {'%', digits[c >> 4], digits[c & 15]};
            text_add(t, (struct slice){hex, sizeof hex});
        }
    }
}

void text_hex(struct text *t, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char b = (unsigned char)bytes.p[i];
        char hex[2] = {digits[b >> 4], digits[b & 15]};
        text_add(t, (struct slice){hex, sizeof hex});
    }
}
