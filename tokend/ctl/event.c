#include "tokend/ctl/event.h"

#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/plain.h"

enum { APP_WIDTH = 18, NAME_WIDTH = 14 }; /* of an appid, and of "refresh_failed" */

static void write_moment(const json_t *event, FILE *out)
{
    char moment[WALL_TEXT_SIZE];
    const json_t *at = json_object_get(event, "at");
    fputs(json_is_integer(at) ? wall_format((wall_ms_t){json_integer_value(at)}, moment) : "-",
          out);
}

static void write_column(const json_t *event, const char *name, size_t width, FILE *out)
{
    struct slice text = json_text(event, name);
    if (text.n == 0)
        text = SLICE_LIT("-");
    size_t taken = plain_width(text);
    fputs("  ", out);
    plain_write(text, out);
    fprintf(out, "%*s", (int)(taken < width ? width - taken : 0), "");
}

static bool has_a_column(const char *name)
{
    static const char *const columns[] = {"id", "at", "appid", "event"};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (strcmp(name, columns[i]) == 0)
            return true;
    }
    return false;
}

static void write_rest(const json_t *event, FILE *out)
{
    const char *name;
    json_t *value;
    const char *before = "  ";
    json_object_foreach((json_t *)event, name, value)
    {
        if (has_a_column(name))
            continue;
        fputs(before, out);
        before = " ";
        plain_write(slice_of(name), out);
        fputc('=', out);
        if (json_is_string(value))
            plain_write(json_text(event, name), out);
        else
            json_write(value, out);
    }
}

void event_write(const json_t *event, bool as_json, FILE *out)
{
    if (as_json) {
        json_line(event, out);
        return;
    }
    write_moment(event, out);
    write_column(event, "appid", APP_WIDTH, out);
    write_column(event, "event", NAME_WIDTH, out);
    write_rest(event, out);
    fputc('\n', out);
}
