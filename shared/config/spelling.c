#include "config/spelling.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's, one row of the table at a time. */
size_t spelling_distance(struct slice a, struct slice b)
{
    if (a.n > SPELLING_MAX || b.n > SPELLING_MAX)
        return SIZE_MAX;
    size_t row[SPELLING_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t changed = diagonal + (same_letter(a.p[i - 1], b.p[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, changed);
        }
    }
    return row[b.n];
}

bool spelling_is_near(struct slice a, struct slice b)
{
    return spelling_distance(a, b) <= (a.n < 6 ? 1 : 3);
}

bool spelling_contains(struct slice s, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= s.n; i++) {
        if (strncasecmp(s.p + i, part, n) == 0)
            return true;
    }
    return false;
}

bool spelling_has_upper(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (isupper((unsigned char)s.p[i]))
            return true;
    }
    return false;
}

bool spelling_has_lower(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (islower((unsigned char)s.p[i]))
            return true;
    }
    return false;
}
