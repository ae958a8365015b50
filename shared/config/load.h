/* load.h - what a config is made of, and its making. Inner header of config: config.h has what
 * programs use. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/command.h"
#include "config/draft.h"

struct config {
    const struct config_program *program;
    struct command command; /* kept for the next reload */
    struct draft draft;     /* the texts, for --print-config and to see what a reload changes */
    void *values;           /* the program's struct */
    struct config_list needs_restart;
};

/* Reads all sources. `command` is copied; `old` is NULL or the settings in use, whose values stay
 * where they are not reloadable. NULL when something is wrong: *faults (made by the caller) says
 * what. */
struct config *config_load(const struct config_program *p, const struct command *command,
                           const struct config *old, struct config_faults *faults) MUST_CHECK;

#endif
