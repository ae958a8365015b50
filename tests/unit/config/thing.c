#include "thing.h"

#include <stdlib.h>
#include <string.h>

const char *const thing_colours[] = {"red", "green", "blue", NULL};
const char *const thing_rights[] = {"read", "write", "admin", NULL};

static const struct config_item items[] = {THING_SETTINGS(CONFIG_ITEM, struct thing_settings)};
static const struct config_item part_items[] = {
    THING_PART_SETTINGS(CONFIG_ITEM, struct thing_part)};

static bool id_ok(struct slice id)
{
    return id.n > 0 && id.n <= 64 && !memchr(id.p, ' ', id.n);
}

static const struct config_section sections[] = {{
    .kind = "part",
    .help = "a part of the thing",
    .items = part_items,
    .n_items = ARRAY_LEN(part_items),
    .size = sizeof(struct thing_part),
    .id_offset = offsetof(struct thing_part, id),
    .array_offset = offsetof(struct thing_settings, parts),
    .count_offset = offsetof(struct thing_settings, n_parts),
    .max = 10000,
    .id_ok = id_ok,
    .id_expected = "1 to 64 bytes without blanks",
}};

static void finish(void *values, struct config_faults *f)
{
    struct thing_settings *s = values;
    s->made = xstrdup("made");
    if (s->count >= (int64_t)strlen(s->name))
        config_fault(f, "THING_COUNT", "%lld: expected less than letters in THING_NAME",
                     (long long)s->count);
    for (size_t i = 0; i < s->n_parts; i++) {
        if (strcmp(s->parts[i].id, "bad") == 0)
            config_fault(f, NULL, "[part bad]: expected no bad part");
    }
}

static void release(void *values)
{
    struct thing_settings *s = values;
    free(s->made);
}

const struct config_program thing_program = {
    .name = "thing",
    .summary = "has a setting of every kind",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct thing_settings),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
    .finish = finish,
    .release = release,
};

const struct config_program thing_tool = {
    .name = "thingtool",
    .summary = "takes every setting as an option",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct thing_settings),
    .environment_prefix = "TOOL_",
    .items_are_options = true,
    .arguments = "get THING",
    .max_arguments = 2,
    .finish = finish,
    .release = release,
};
