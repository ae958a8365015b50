#include "base/times.h"

#include <stdio.h>
#include <time.h>

const char *wall_format(wall_ms_t t, char out[WALL_TEXT_SIZE])
{
    time_t seconds = (time_t)(t.ms / 1000);
    struct tm tm;
    char date[WALL_TEXT_SIZE - sizeof ".000Z"];
    if (t.ms < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900 ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(out, WALL_TEXT_SIZE, "?");
    else
        snprintf(out, WALL_TEXT_SIZE, "%s.%03dZ", date, (int)(t.ms % 1000));
    return out;
}
