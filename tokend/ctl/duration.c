#include "tokend/ctl/duration.h"

#include <inttypes.h>

void duration_write(struct text *out, int64_t seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    size_t i = 0;
    if (seconds < 0)
        seconds = 0;
    while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
        i++;
    text_fmt(out, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
    if (i + 1 == ARRAY_LEN(units))
        return;
    int64_t rest = seconds % units[i].seconds / units[i + 1].seconds;
    if (rest > 0)
        text_fmt(out, "%" PRId64 "%c", rest, units[i + 1].letter);
}
