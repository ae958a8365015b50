/* command.h - the command line of a program: options taken apart and kept, secrets hidden in argv.
 *
 * Inner header of config. Knows the table's names but not its values. One thread, at start. */
#ifndef CONFIG_COMMAND_H
#define CONFIG_COMMAND_H

#include "base/err.h"
#include "base/secret.h"
#include "config/config.h"

enum command_action {
    COMMAND_RUN,
    COMMAND_PRINT,   /* --print-config */
    COMMAND_CHECK,   /* --check-config */
    COMMAND_VERSION, /* --version */
    COMMAND_HELP,    /* --help */
};

/* A setting as it was given, by --set or by an option of its own. */
struct command_setting {
    char *name;
    struct secret value;
    const char *where; /* static */
};

struct command {
    enum command_action action; /* of several the last of the list above */
    char *path;                 /* -c, or NULL */
    struct command_setting *settings;
    size_t n_settings;
    struct config_list arguments; /* what is no option */
};

/* Is it given as --its-name, and not by --set alone? */
static inline bool config_item_is_option(const struct config_program *p,
                                         const struct config_item *item)
{
    return p->items_are_options || item->flags & CONFIG_OPTION;
}

/* Fills *c, which its maker frees with command_deinit in either case. False with a line in *e when
 * an option is unknown or wants for a value. Overwrites in argv what may be a secret. */
bool command_parse(const struct config_program *p, int argc, char **argv, struct command *c,
                   struct err *e) MUST_CHECK;

void command_deinit(struct command *c); /* wipes */

/* A copy of its own. */
void command_copy(struct command *to, const struct command *from);

#endif
