/* fixture.h - a folder of its own for each test, files in it, and a program's start, caught. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "config/config.h"

/* For cmocka: go to an empty folder, with none of `names` (NULL-terminated, *state) in the
 * environment; and back, with the folder gone. */
int fixture_enter(void **state);
int fixture_leave(void **state);

void fixture_write(const char *path, const char *text);
void fixture_write_bytes(const char *path, const void *bytes, size_t n);
/* Sets a variable until fixture_leave. */
void fixture_setenv(const char *name, const char *value);

enum { FIXTURE_MAX_ARGS = 16 };

/* What config_start did. */
struct run {
    struct config *config;
    int exit_code;
    char *out; /* what stood on stdout and stderr */
    char *err;
    char *argv[FIXTURE_MAX_ARGS + 1]; /* as config_start left it */
    int argc;
};

/* Runs config_start with the arguments behind the program's name; NULL ends them. */
struct run fixture_run(const struct config_program *p, const char *const *args);
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGS   ((const char *const[]){NULL})

void run_free(struct run *r);

/* The settings, which must have come; the run is freed but for the config, which is the caller's.
 */
struct config *fixture_config(const struct config_program *p, const char *const *args);

/* The run must end with exit code 2, no config, and exactly this line on stderr. */
void assert_refused(const struct config_program *p, const char *const *args, const char *line);

#endif
