#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "config/faults.h"
#include "config/load.h"
#include "config/value.h"

/* ---- from texts to values ---- */

static void *field_at(void *values, size_t offset)
{
    return (char *)values + offset;
}

/* The texts were checked as they came, and the defaults are the table's own. */
static void fill(void *values, const struct slots *slots)
{
    for (size_t i = 0; i < slots->n; i++) {
        const struct config_item *item = &slots->items[i];
        if (slot_is_set(&slots->at[i])) {
            struct slice text = secret_reveal(&slots->at[i].text);
            ASSERT(value_parse(item, text, field_at(values, item->offset)));
        }
    }
}

static void clear(void *values, const struct config_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        value_clear(&items[i], field_at(values, items[i].offset));
}

/* The array of a kind of sections, in the program's struct. */
struct array {
    char *first;
    size_t n;
};

static struct array array_of(const void *values, const struct config_section *about)
{
    struct array a;
    memcpy(&a.first, (const char *)values + about->array_offset, sizeof a.first);
    memcpy(&a.n, (const char *)values + about->count_offset, sizeof a.n);
    return a;
}

static void set_array(void *values, const struct config_section *about, struct array a)
{
    memcpy(field_at(values, about->array_offset), &a.first, sizeof a.first);
    memcpy(field_at(values, about->count_offset), &a.n, sizeof a.n);
}

static void fill_sections(void *values, const struct config_section *about, const struct draft *d,
                          size_t n)
{
    struct array a = {xcalloc(n, about->size), 0};
    for (size_t i = 0; i < d->n_sections; i++) {
        const struct draft_section *s = &d->sections[i];
        if (s->about != about)
            continue;
        char *element = a.first + about->size * a.n++;
        char *id = xstrdup(s->id);
        memcpy(element + about->id_offset, &id, sizeof id);
        fill(element, &s->slots);
    }
    ASSERT(a.n == n);
    set_array(values, about, a);
}

static void *make_values(const struct draft *d)
{
    const struct config_program *p = d->program;
    void *values = xcalloc(1, p->size);
    fill(values, &d->top);
    for (size_t i = 0; i < p->n_sections; i++)
        fill_sections(values, &p->sections[i], d, d->section_counts[i]);
    return values;
}

static void free_sections(void *values, const struct config_section *about)
{
    struct array a = array_of(values, about);
    for (size_t i = 0; i < a.n; i++) {
        char *element = a.first + about->size * i, *id;
        memcpy(&id, element + about->id_offset, sizeof id);
        free(id);
        clear(element, about->items, about->n_items);
    }
    free(a.first);
}

static void free_values(const struct config_program *p, void *values)
{
    if (!values)
        return;
    if (p->release)
        p->release(values);
    for (size_t i = 0; i < p->n_sections; i++)
        free_sections(values, &p->sections[i]);
    clear(values, p->items, p->n_items);
    free(values);
}

/* ---- loading ---- */

static void read_sources(struct draft *d, const struct command *command)
{
    if (command->path)
        draft_read_ini(d, command->path);
    draft_read_env_local(d);
    draft_read_environment(d);
    for (size_t i = 0; i < command->n_settings; i++) {
        const struct command_setting *s = &command->settings[i];
        draft_take_command(d, slice_of(s->name), secret_reveal(&s->value), s->where);
    }
    draft_read_secret_files(d);
}

/* What needs a restart keeps its old text, and its name is noted. */
static void keep_fixed(struct config *c, const struct config *old)
{
    const struct slots *before = &old->draft.top, *now = &c->draft.top;
    struct config_list *names = &c->needs_restart;
    for (size_t i = 0; i < now->n; i++) {
        bool fixed = !(now->items[i].flags & CONFIG_RELOADABLE);
        if (!fixed || slot_eq(&before->at[i], &now->at[i]))
            continue;
        slot_copy(&now->at[i], &before->at[i]);
        names->items = xrealloc(names->items, (names->n + 1) * sizeof *names->items);
        names->items[names->n++] = xstrdup(now->items[i].name);
    }
}

static void finish(struct config *c, struct config_faults *faults)
{
    faults_know_places(faults, &c->draft);
    if (c->program->finish)
        c->program->finish(c->values, faults);
    faults_know_places(faults, NULL);
}

struct config *config_load(const struct config_program *p, const struct command *command,
                           const struct config *old, struct config_faults *faults)
{
    struct config *c = xcalloc(1, sizeof *c);
    c->program = p;
    command_copy(&c->command, command);
    draft_init(&c->draft, p, faults);
    read_sources(&c->draft, command);
    if (old)
        keep_fixed(c, old);
    draft_inherit(&c->draft);
    if (config_faults_count(faults) == 0) {
        c->values = make_values(&c->draft);
        finish(c, faults);
    }
    if (config_faults_count(faults) == 0)
        return c;
    config_free(c);
    return NULL;
}

struct config *config_reload(const struct config *old, struct config_faults **faults)
{
    struct config_faults *f = faults_new();
    struct config *c = config_load(old->program, &old->command, old, f);
    if (c) {
        config_faults_free(f);
        f = NULL;
    }
    *faults = f;
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    free_values(c->program, c->values);
    draft_deinit(&c->draft);
    command_deinit(&c->command);
    for (size_t i = 0; i < c->needs_restart.n; i++)
        free(c->needs_restart.items[i]);
    free(c->needs_restart.items);
    free(c);
}

const void *config_values(const struct config *c)
{
    return c->values;
}

const struct config_list *config_arguments(const struct config *c)
{
    return &c->command.arguments;
}

const struct config_list *config_needs_restart(const struct config *c)
{
    return &c->needs_restart;
}

const char *config_version(void)
{
    return CONFIG_VERSION;
}
