/* slots.h - what was said about each setting of a table: the text, and where it stands.
 *
 * Inner header of config. Pure; one thread. */
#ifndef CONFIG_SLOTS_H
#define CONFIG_SLOTS_H

#include "base/secret.h"
#include "config/config.h"

/* Later ones win. */
enum source {
    SOURCE_DEFAULT,
    SOURCE_INI,
    SOURCE_ENV_LOCAL,
    SOURCE_ENVIRONMENT,
    SOURCE_COMMAND,
};

struct slot {
    struct secret text; /* bytes NULL: nothing was said */
    char *where;        /* "tokend.ini:12", "environment"; NULL with the text */
    enum source source;
    bool is_path; /* the text names the file that holds the value */
};

/* A table, the program's or one section's, with a slot for each of its items. */
struct slots {
    const struct config_item *items; /* borrowed */
    size_t n;
    struct slot *at;
};

/* With the defaults of the table. */
void slots_init(struct slots *s, const struct config_item *items, size_t n);
void slots_deinit(struct slots *s); /* wipes */

/* The place in the table of the setting `name`, any case, or -1; *is_path when it was asked for as
 * NAME_FILE, which a SECRET may be. */
int slots_find(const struct slots *s, struct slice name, bool *is_path);

/* Replaces what the slot holds; copies. */
void slot_set(struct slot *s, struct slice text, const char *where, enum source source,
              bool is_path);
/* "a" and "b" make "a,b". The slot holds something. */
void slot_append(struct slot *s, struct slice more);

bool slot_is_set(const struct slot *s);
/* Whether two slots say the same, or both nothing. */
bool slot_eq(const struct slot *a, const struct slot *b);
void slot_copy(struct slot *to, const struct slot *from);
void slot_clear(struct slot *s); /* wipes */

#endif
