/* describe.h - what --help and --print-config write. Inner header of config. */
#ifndef CONFIG_DESCRIBE_H
#define CONFIG_DESCRIBE_H

#include "config/load.h"

void describe_help(const struct config_program *p, FILE *out);

/* Every setting with its value in force, or "******" for a secret, and where that comes from. */
void describe_config(const struct config *c, FILE *out);

#endif
