#include "config/units.h"

#include <inttypes.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Smallest first. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};
static const struct unit sizes[] = {
    {"", 1},
    {"k", 1024},
    {"m", INT64_C(1024) * 1024},
    {"g", INT64_C(1024) * 1024 * 1024},
};

static const int64_t biggest_value = 1000000000000000;

/* Cuts the digits off the front of *s. */
static bool take_number(struct slice *s, int64_t *n)
{
    size_t digits = 0;
    while (digits < s->n && s->p[digits] >= '0' && s->p[digits] <= '9')
        digits++;
    if (!slice_to_int((struct slice){s->p, digits}, 0, biggest_value, n))
        return false;
    *s = (struct slice){s->p + digits, s->n - digits};
    return true;
}

static bool times_factor(int64_t n, int64_t factor, int64_t *out)
{
    if (n > biggest_value / factor)
        return false;
    *out = n * factor;
    return true;
}

bool units_parse_duration(struct slice s, int64_t *ms)
{
    int64_t n;
    if (!take_number(&s, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        if (slice_is(s, durations[i].name))
            return times_factor(n, durations[i].factor, ms);
    }
    if (s.n > 0 || n > 0)
        return false;
    *ms = 0;
    return true;
}

bool units_parse_size(struct slice s, int64_t *bytes)
{
    int64_t n;
    if (!take_number(&s, &n) || s.n > 1)
        return false;
    char lower = s.n ? (char)(s.p[0] | 0x20) : '\0';
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (lower == sizes[i].name[0])
            return times_factor(n, sizes[i].factor, bytes);
    }
    return false;
}

static void print(struct text *t, int64_t value, const struct unit *units, size_t n)
{
    size_t i = n - 1;
    while (i > 0 && (value == 0 || value % units[i].factor != 0))
        i--;
    text_fmt(t, "%" PRId64 "%s", value / units[i].factor, units[i].name);
}

void units_print_duration(struct text *t, int64_t ms)
{
    if (ms == 0)
        text_char(t, '0');
    else
        print(t, ms, durations, ARRAY_LEN(durations));
}

void units_print_size(struct text *t, int64_t bytes)
{
    print(t, bytes, sizes, ARRAY_LEN(sizes));
}
