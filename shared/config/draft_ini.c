/* The INI file as a source of the draft. */
#include <stdio.h>
#include <stdlib.h>

#include "config/draft.h"
#include "config/faults.h"
#include "config/inifile.h"
#include "config/spelling.h"
#include "sys/file.h"

enum { INI_MAX_BYTES = 8 * 1024 * 1024 }; /* 10,000 apps with everything take 3 MiB */

struct ini_reading {
    struct draft *draft;
    const char *path;
    bool skip;       /* in a section that is wrong, or not for us: its settings are not looked at */
    bool foreign;    /* in one of a neighbour's, who tells what is wrong there */
    bool in_section; /* the last one of the draft's */
    char where[DRAFT_WHERE_SIZE];
};

static const char *ini_place(struct ini_reading *r, int line)
{
    snprintf(r->where, sizeof r->where, "%s:%d", r->path, line);
    return r->where;
}

static const struct config_section *find_kind(const struct config_program *p, struct slice kind)
{
    for (size_t i = 0; i < p->n_sections; i++) {
        if (slice_is(kind, p->sections[i].kind))
            return &p->sections[i];
    }
    return NULL;
}

static bool is_neighbours(const struct config_program *p, struct slice kind)
{
    for (size_t i = 0; p->neighbours && p->neighbours[i]; i++) {
        if (slice_is(kind, p->neighbours[i]))
            return true;
    }
    return false;
}

/* [loginsvc], which stands for the file outside of all sections. */
static bool is_own(const struct config_program *p, struct slice kind, struct slice id)
{
    return p->neighbours && slice_is(kind, p->name) && id.n == 0;
}

static void say_unknown_section(struct ini_reading *r, struct slice kind, int line)
{
    char name[DRAFT_SHOWN_SIZE], kinds[128];
    struct text t = text_init(kinds, sizeof kinds);
    const struct config_program *p = r->draft->program;
    for (size_t i = 0; i < p->n_sections; i++)
        text_fmt(&t, "%s[%s NAME]", i ? " or " : "", p->sections[i].kind);
    if (p->neighbours)
        text_fmt(&t, " or [%s]", p->name);
    faults_add(r->draft->faults, ini_place(r, line), "unknown section [%s]: expected %s",
               draft_show(kind, name), p->n_sections ? kinds : "none");
}

static void add_section(struct draft *d, const struct config_section *about, struct slice id,
                        const char *where)
{
    if (d->n_sections == d->room_for_sections) {
        d->room_for_sections = d->room_for_sections ? 2 * d->room_for_sections : 16;
        d->sections = xrealloc(d->sections, d->room_for_sections * sizeof *d->sections);
    }
    struct draft_section *s = &d->sections[d->n_sections++];
    d->section_counts[about - d->program->sections]++;
    *s = (struct draft_section){.about = about, .id = slice_dup(id), .where = xstrdup(where)};
    slots_init(&s->slots, about->items, about->n_items);
}

/* Notes that [kind id] stands there; false when it did already. */
static bool claim_section(struct draft *d, struct slice kind, struct slice id)
{
    char name[2 * DRAFT_SHOWN_SIZE];
    struct text t = text_init(name, sizeof name);
    text_add(&t, kind);
    text_char(&t, ' ');
    text_add(&t, id);
    return map_put(d->section_names, (struct slice){t.p, t.n}, d) == NULL;
}

static void take_section(void *arg, struct slice kind, struct slice id, int line)
{
    struct ini_reading *r = arg;
    struct draft *d = r->draft;
    const struct config_section *about = find_kind(d->program, kind);
    char shown_id[DRAFT_SHOWN_SIZE];
    r->skip = !is_own(d->program, kind, id);
    r->in_section = false;
    r->foreign = is_neighbours(d->program, kind);
    if (!r->skip || r->foreign || !kind.p)
        return;
    if (!about) {
        say_unknown_section(r, kind, line);
    } else if (!about->id_ok(id)) {
        faults_add(d->faults, ini_place(r, line), "[%s %s]: expected a name of %s", about->kind,
                   draft_show(id, shown_id), about->id_expected);
    } else if (!claim_section(d, kind, id)) {
        faults_add(d->faults, ini_place(r, line), "[%s %s] stands there twice: expected once",
                   about->kind, draft_show(id, shown_id));
    } else if (d->section_counts[about - d->program->sections] >= about->max) {
        faults_add(d->faults, ini_place(r, line), "[%s %s]: expected at most %zu such sections",
                   about->kind, draft_show(id, shown_id), about->max);
    } else {
        add_section(d, about, id, ini_place(r, line));
        r->in_section = true;
        r->skip = false;
    }
}

static void take_ini_pair(void *arg, struct slice name, struct slice value, int line)
{
    struct ini_reading *r = arg;
    struct draft *d = r->draft;
    if (r->skip)
        return;
    struct slots *into = r->in_section ? &d->sections[d->n_sections - 1].slots : &d->top;
    struct assignment a = {name, value, ini_place(r, line), SOURCE_INI, NULL};
    if (spelling_has_upper(name))
        draft_say_unknown(d, into, &a);
    else
        draft_assign(d, into, &a);
}

static void take_ini_fault(void *arg, int line, const char *what)
{
    struct ini_reading *r = arg;
    if (!r->foreign)
        faults_add(r->draft->faults, ini_place(r, line), "%s", what);
}

void draft_read_ini(struct draft *d, const char *path)
{
    static const struct inifile_reader reader = {take_section, take_ini_pair, take_ini_fault};
    struct ini_reading r = {.draft = d, .path = path};
    struct err e;
    char *bytes = NULL;
    size_t n = 0;
    if (!file_read(path, INI_MAX_BYTES, &bytes, &n, &e)) {
        faults_add(d->faults, NULL, "%s", e.text);
        return;
    }
    inifile_read((struct slice){bytes, n}, &reader, &r);
    bytes_wipe(bytes, n);
    free(bytes);
}
