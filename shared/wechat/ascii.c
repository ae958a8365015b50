#include "wechat/ascii.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_hex(char c)
{
    return ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool ascii_base64(char c)
{
    return is_letter(c) || ascii_digit(c) || c == '+' || c == '/';
}

bool ascii_ip(char c)
{
    return ascii_hex(c) || c == '.' || c == ':';
}

bool ascii_identifier(char c)
{
    return is_letter(c) || ascii_digit(c) || c == '_' || c == '-' || c == '.';
}

bool ascii_printable(char c)
{
    return c > ' ' && c < 0x7f;
}

size_t ascii_span(struct slice s, bool (*allowed)(char))
{
    size_t n = 0;
    while (n < s.n && allowed(s.p[n]))
        n++;
    return n;
}

bool ascii_only(struct slice s, size_t min, size_t max, bool (*allowed)(char))
{
    return s.n >= min && s.n <= max && ascii_span(s, allowed) == s.n;
}
