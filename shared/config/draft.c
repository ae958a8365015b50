#include "config/draft.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/dotenv.h"
#include "config/faults.h"
#include "config/spelling.h"
#include "config/value.h"
#include "sys/file.h"

enum {
    ENV_LOCAL_MAX_BYTES = 64 * 1024,
    SECRET_FILE_MAX_BYTES = 64 * 1024,
};

static const char env_local[] = ".env.local";
static const char not_shown[] = "(not shown)";

void draft_init(struct draft *d, const struct config_program *p, struct config_faults *f)
{
    *d = (struct draft){.program = p, .section_names = map_new(0), .faults = f};
    d->section_counts = xcalloc(p->n_sections, sizeof *d->section_counts);
    slots_init(&d->top, p->items, p->n_items);
}

void draft_deinit(struct draft *d)
{
    for (size_t i = 0; i < d->n_sections; i++) {
        slots_deinit(&d->sections[i].slots);
        free(d->sections[i].id);
        free(d->sections[i].where);
    }
    free(d->sections);
    free(d->section_counts);
    map_free(d->section_names);
    slots_deinit(&d->top);
}

const char *draft_place(const struct draft *d, const char *name)
{
    bool is_path = false;
    int i = slots_find(&d->top, slice_of(name), &is_path);
    ASSERT(i >= 0);
    const struct slot *s = &d->top.at[i];
    return s->source == SOURCE_DEFAULT ? NULL : s->where;
}

/* ---- one assignment ---- */

const char *draft_show(struct slice value, char out[DRAFT_SHOWN_SIZE])
{
    enum { MOST = DRAFT_SHOWN_SIZE - sizeof "..." };
    struct text t = text_init(out, DRAFT_SHOWN_SIZE);
    for (size_t i = 0; i < value.n && i < MOST; i++)
        text_char(&t, iscntrl((unsigned char)value.p[i]) ? '?' : value.p[i]);
    if (value.n > MOST)
        text_str(&t, "...");
    return out;
}

/* The setting whose name is most like the unknown one, or NULL. */
static const struct config_item *find_near(const struct slots *in, struct slice name)
{
    const struct config_item *near = NULL;
    size_t least = SPELLING_MAX;
    for (size_t i = 0; i < in->n; i++) {
        struct slice known = slice_of(in->items[i].name);
        size_t distance = spelling_distance(name, known);
        if (distance < least && spelling_is_near(name, known)) {
            least = distance;
            near = &in->items[i];
        }
    }
    return near;
}

/* Whether the value of an unknown setting may be a secret, its name misspelt or invented. */
static bool may_be_secret(struct slice name, const struct config_item *near)
{
    static const char *const words[] = {"sec", "key", "pass", "pw", "token", "url", "auth", "cred"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (spelling_contains(name, words[i]))
            return true;
    }
    return near && value_is_secret(near);
}

void draft_say_unknown(struct draft *d, const struct slots *in, const struct assignment *a)
{
    const struct config_item *near = find_near(in, a->name);
    char name[DRAFT_SHOWN_SIZE], value[DRAFT_SHOWN_SIZE];
    char expected[SPELLING_MAX + 32] = "a name that --help lists";
    if (near) {
        struct text t = text_init(expected, sizeof expected);
        text_str(&t, "perhaps ");
        for (const char *p = near->name; *p; p++)
            text_char(&t, a->source == SOURCE_INI ? (char)tolower((unsigned char)*p) : *p);
    }
    faults_add(d->faults, a->where, "unknown setting %s = %s: expected %s",
               draft_show(a->name, name),
               may_be_secret(a->name, near) ? not_shown : draft_show(a->value, value), expected);
}

static void say_bad_value(struct draft *d, const struct config_item *item,
                          const struct assignment *a)
{
    char name[DRAFT_SHOWN_SIZE], value[DRAFT_SHOWN_SIZE], expected[256];
    struct text t = text_init(expected, sizeof expected);
    value_expected(item, &t);
    faults_add(d->faults, a->where, "%s%s = %s: expected %s", a->prefix ? a->prefix : "",
               draft_show(a->name, name),
               value_is_secret(item) ? not_shown : draft_show(a->value, value), expected);
}

/* Twice in the INI file, or once as NAME and once as NAME_FILE in one source. */
static bool clashes(const struct slot *s, const struct assignment *a, bool is_path)
{
    return s->source == a->source && (a->source == SOURCE_INI || s->is_path != is_path);
}

static void say_twice(struct draft *d, const struct slot *s, const char *name,
                      const struct assignment *a, bool is_path)
{
    if (s->is_path != is_path)
        faults_add(d->faults, a->where, "%s and %s_FILE are both set: expected one of this and %s",
                   name, name, s->where);
    else
        faults_add(d->faults, a->where, "%s is set twice: expected one of this and %s", name,
                   s->where);
}

/* A list that is given again on the command line grows. */
static bool grows(const struct slot *s, const struct config_item *item, const struct assignment *a)
{
    return item->kind == CONFIG_KIND_LIST && a->source == SOURCE_COMMAND &&
           s->source == SOURCE_COMMAND;
}

static void grow(struct draft *d, const struct config_item *item, struct slot *s,
                 const struct assignment *a)
{
    if (!value_parse(item, secret_reveal(&s->text), NULL))
        return; /* too long already, which was told */
    slot_append(s, a->value);
    if (!value_parse(item, secret_reveal(&s->text), NULL))
        say_bad_value(d, item, a);
}

/* Where the setting may stand, in words, if that is not here; else NULL. */
static const char *place_of(const struct config_item *item, const struct assignment *a,
                            bool is_path)
{
    if (item->flags & CONFIG_OPTION && a->source != SOURCE_COMMAND)
        return "it on the command line only";
    if (item->flags & CONFIG_NO_ARGUMENT && a->source == SOURCE_COMMAND && !is_path)
        return "a file that holds it, never the text itself on a command line";
    return NULL;
}

void draft_assign(struct draft *d, struct slots *g, const struct assignment *a)
{
    bool is_path = false;
    int i = slots_find(g, a->name, &is_path);
    if (i < 0) {
        draft_say_unknown(d, g, a);
        return;
    }
    struct slot *s = &g->at[i];
    const char *place = place_of(&g->items[i], a, is_path);
    if (place)
        faults_add(d->faults, a->where, "%s: expected %s", g->items[i].name, place);
    else if (clashes(s, a, is_path))
        say_twice(d, s, g->items[i].name, a, is_path);
    else if (!is_path && !value_parse(&g->items[i], a->value, NULL))
        say_bad_value(d, &g->items[i], a);
    else if (grows(s, &g->items[i], a))
        grow(d, &g->items[i], s, a);
    else
        slot_set(s, a->value, a->where, a->source, is_path);
}

/* ---- .env.local ---- */

static const char *prefix_of(const struct draft *d)
{
    const char *prefix = d->program->environment_prefix;
    return prefix ? prefix : "";
}

static void take_env_local_pair(void *arg, struct slice name, struct slice value, int line)
{
    struct draft *d = arg;
    bool is_path = false;
    const char *prefix = prefix_of(d);
    if (!slice_starts(name, prefix))
        return;
    name = (struct slice){name.p + strlen(prefix), name.n - strlen(prefix)};
    int i = slots_find(&d->top, name, &is_path);
    if (spelling_has_lower(name) || i < 0 || d->top.items[i].flags & CONFIG_OPTION)
        return; /* another program's */
    char where[DRAFT_WHERE_SIZE];
    snprintf(where, sizeof where, "%s:%d", env_local, line);
    struct assignment a = {name, value, where, SOURCE_ENV_LOCAL, prefix};
    if (!value.p)
        faults_add(d->faults, where, "the quotes of a value do not end");
    else if (value.n > 0)
        draft_assign(d, &d->top, &a);
}

void draft_read_env_local(struct draft *d)
{
    struct err e;
    char *bytes = NULL;
    size_t n = 0;
    if (!file_exists(env_local))
        return;
    if (!file_read(env_local, ENV_LOCAL_MAX_BYTES, &bytes, &n, &e)) {
        faults_add(d->faults, NULL, "%s", e.text);
        return;
    }
    dotenv_read((struct slice){bytes, n}, take_env_local_pair, d);
    bytes_wipe(bytes, n);
    free(bytes);
}

/* ---- environment and command line ---- */

static void take_variable(struct draft *d, const char *name, const char *suffix)
{
    char full[SPELLING_MAX + 32];
    const char *prefix = prefix_of(d);
    int n = snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
    ASSERT(n > 0 && (size_t)n < sizeof full);
    const char *value = getenv(full);
    if (!value || !value[0])
        return;
    struct assignment a = {slice_of(full + strlen(prefix)), slice_of(value), "environment",
                           SOURCE_ENVIRONMENT, prefix};
    draft_assign(d, &d->top, &a);
}

void draft_read_environment(struct draft *d)
{
    for (size_t i = 0; i < d->top.n; i++) {
        const struct config_item *item = &d->top.items[i];
        if (item->flags & CONFIG_OPTION)
            continue;
        take_variable(d, item->name, "");
        if (item->kind == CONFIG_KIND_SECRET)
            take_variable(d, item->name, "_FILE");
    }
}

void draft_take_command(struct draft *d, struct slice name, struct slice value, const char *where)
{
    struct assignment a = {name, value, where, SOURCE_COMMAND, NULL};
    draft_assign(d, &d->top, &a);
}

/* ---- the end ---- */

static struct slice without_newlines(struct slice s)
{
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* The file's content takes the place of its path. */
static void read_secret_file(struct draft *d, const struct config_item *item, struct slot *s)
{
    struct err e;
    char *bytes = NULL;
    size_t n = 0;
    if (!file_read(secret_reveal(&s->text).p, SECRET_FILE_MAX_BYTES, &bytes, &n, &e)) {
        faults_add(d->faults, s->where, "%s_FILE: %s", item->name, e.text);
        return;
    }
    struct slice value = without_newlines((struct slice){bytes, n});
    char name[DRAFT_SHOWN_SIZE];
    snprintf(name, sizeof name, "%s_FILE", item->name);
    struct assignment a = {slice_of(name), value, s->where, s->source, NULL};
    if (value_parse(item, value, NULL))
        secret_set(&s->text, value);
    else
        say_bad_value(d, item, &a);
    bytes_wipe(bytes, n);
    free(bytes);
}

static void read_secret_files(struct draft *d, struct slots *slots)
{
    for (size_t i = 0; i < slots->n; i++) {
        if (slots->at[i].is_path)
            read_secret_file(d, &slots->items[i], &slots->at[i]);
    }
}

/* "$NAME": what the program's setting says, if it has one. */
static void inherit(const struct draft *d, const struct config_item *item, struct slot *s)
{
    bool is_path = false, inherits = item->initial && item->initial[0] == '$';
    if (!inherits || slot_is_set(s))
        return;
    int i = slots_find(&d->top, slice_of(item->initial + 1), &is_path);
    if (i >= 0)
        slot_copy(s, &d->top.at[i]);
}

void draft_read_secret_files(struct draft *d)
{
    read_secret_files(d, &d->top);
    for (size_t i = 0; i < d->n_sections; i++)
        read_secret_files(d, &d->sections[i].slots);
}

void draft_inherit(struct draft *d)
{
    for (size_t i = 0; i < d->n_sections; i++) {
        struct slots *slots = &d->sections[i].slots;
        for (size_t j = 0; j < slots->n; j++)
            inherit(d, &slots->items[j], &slots->at[j]);
    }
}
