#include "crypto/base64.h"

#include <string.h>

static const char *alphabet(enum base64_kind kind)
{
    return kind == BASE64_URL ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

size_t base64_encode(enum base64_kind kind, const void *bytes, size_t n, char *out, size_t size)
{
    ASSERT(size >= BASE64_TEXT_SIZE(n));
    const char *digits = alphabet(kind);
    const unsigned char *in = bytes;
    char *at = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned group = (unsigned)in[i] << 16;
        group |= have > 1 ? (unsigned)in[i + 1] << 8 : 0;
        group |= have > 2 ? in[i + 2] : 0;
        for (size_t c = 0; c < have + 1; c++)
            *at++ = digits[group >> (18 - 6 * c) & 63];
        for (size_t c = have + 1; c < 4 && kind == BASE64_STANDARD; c++)
            *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* The six bits that a character stands for; -1 when it is not of the alphabet. */
static int value_of(enum base64_kind kind, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    const char *last_two = alphabet(kind) + 62;
    return c == last_two[0] ? 62 : c == last_two[1] ? 63 : -1;
}

/* Takes the padding off; false when it is not what this kind asks for. */
static bool strip_padding(enum base64_kind kind, struct slice *text)
{
    if (kind == BASE64_URL)
        return true;
    if (text->n % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++)
        text->n--;
    return true;
}

bool base64_decode(enum base64_kind kind, struct slice text, void *out, size_t size, size_t *n)
{
    if (!strip_padding(kind, &text) || text.n % 4 == 1 ||
        text.n / 4 * 3 + text.n % 4 * 3 / 4 > size)
        return false;
    unsigned char *at = out;
    unsigned bits = 0, held = 0; /* `held` low bits of `bits` are not written yet */
    for (size_t i = 0; i < text.n; i++) {
        int v = value_of(kind, text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (unsigned)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *at++ = (unsigned char)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    if (bits != 0)
        return false;
    *n = (size_t)(at - (unsigned char *)out);
    return true;
}
