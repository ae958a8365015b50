/* draft.h - the settings while they are being gathered from their sources.
 *
 * Sources are read one after the other, each over the one before; every text is checked as it
 * comes, also one that a later source replaces. Faults are noted and gathering goes on, so that all
 * of them can be told at once. Without any fault, every slot holds a legal text or none in the end.
 * Inner header of config. One thread. */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "base/map.h"
#include "config/config.h"
#include "config/slots.h"

struct draft_section {
    const struct config_section *about;
    char *id;
    char *where;
    struct slots slots;
};

struct draft {
    const struct config_program *program;
    struct slots top;
    struct draft_section *sections; /* in the order of the file */
    size_t n_sections;
    size_t room_for_sections;
    size_t *section_counts;       /* of each kind, in the order of the program's */
    struct map *section_names;    /* "kind id" of those that stand there */
    struct config_faults *faults; /* borrowed */
};

/* With the program's defaults. `p` and `f` are borrowed for the life of the draft. */
void draft_init(struct draft *d, const struct config_program *p, struct config_faults *f);
void draft_deinit(struct draft *d); /* wipes */

void draft_read_ini(struct draft *d, const char *path); /* draft_ini.c */
void draft_read_env_local(struct draft *d);             /* no such file is no fault */
void draft_read_environment(struct draft *d);
/* `where`: "--set" or "command line". A LIST that is given again grows. */
void draft_take_command(struct draft *d, struct slice name, struct slice value, const char *where);

/* At the end, in this order: puts the contents of the files that stand for secrets in their place;
 * fills in what sections take from the program's settings. */
void draft_read_secret_files(struct draft *d);
void draft_inherit(struct draft *d);

/* Where the program's setting `name` stands, NULL for a default. */
const char *draft_place(const struct draft *d, const char *name);

/* ---- for the sources ---- */

/* One setting as a source gives it; all borrowed. */
struct assignment {
    struct slice name; /* as it was written, without the prefix */
    struct slice value;
    const char *where;
    enum source source;
    const char *prefix; /* of the name, for people; NULL: none */
};

/* Checks and stores into one of the draft's tables, or notes the fault. */
void draft_assign(struct draft *d, struct slots *into, const struct assignment *a);
/* Notes that there is no such setting, and which may have been meant. */
void draft_say_unknown(struct draft *d, const struct slots *in, const struct assignment *a);

/* What a fault shows of a text: one line, cut. Returns out. */
enum { DRAFT_SHOWN_SIZE = 88, DRAFT_WHERE_SIZE = 512 };
const char *draft_show(struct slice text, char out[DRAFT_SHOWN_SIZE]);

#endif
