#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_VARIABLES = 16, PATH_SIZE = 256 };

static char folder[PATH_SIZE];
static char start_folder[PATH_SIZE];
static char *variables[MAX_VARIABLES];
static size_t n_variables;
static char *files[MAX_VARIABLES];
static size_t n_files;

int fixture_enter(void **state)
{
    (void)state;
    assert_non_null(getcwd(start_folder, sizeof start_folder));
    snprintf(folder, sizeof folder, "/tmp/settings.XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    return 0;
}

int fixture_leave(void **state)
{
    (void)state;
    while (n_variables > 0) {
        unsetenv(variables[--n_variables]);
        free(variables[n_variables]);
    }
    while (n_files > 0) {
        (void)unlink(files[--n_files]);
        free(files[n_files]);
    }
    assert_int_equal(chdir(start_folder), 0);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

void fixture_write_bytes(const char *path, const void *bytes, size_t n)
{
    assert_true(n_files < MAX_VARIABLES);
    files[n_files++] = xstrdup(path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void fixture_write(const char *path, const char *text)
{
    fixture_write_bytes(path, text, strlen(text));
}

void fixture_setenv(const char *name, const char *value)
{
    assert_true(n_variables < MAX_VARIABLES);
    variables[n_variables++] = xstrdup(name);
    assert_int_equal(setenv(name, value, 1), 0);
}

/* ---- runs ---- */

/* A stream's descriptor, pointed elsewhere for a while. */
struct caught {
    FILE *stream;
    int fd, real, memory;
};

static struct caught catch_stream(FILE *stream)
{
    fflush(stream);
    struct caught c = {stream, fileno(stream), -1, memfd_create("caught", 0)};
    c.real = dup(c.fd);
    assert_true(c.real >= 0 && c.memory >= 0);
    assert_true(dup2(c.memory, c.fd) >= 0);
    return c;
}

static char *release_stream(struct caught c)
{
    fflush(c.stream);
    assert_true(dup2(c.real, c.fd) >= 0);
    close(c.real);
    off_t n = lseek(c.memory, 0, SEEK_END);
    char *text = xcalloc((size_t)n + 1, 1);
    assert_int_equal(pread(c.memory, text, (size_t)n, 0), n);
    close(c.memory);
    return text;
}

struct run fixture_run(const struct config_program *p, const char *const *args)
{
    struct run r = {.argc = 1};
    r.argv[0] = xstrdup(p->name);
    for (; args[r.argc - 1]; r.argc++) {
        assert_true(r.argc < FIXTURE_MAX_ARGS);
        r.argv[r.argc] = xstrdup(args[r.argc - 1]);
    }
    struct caught out = catch_stream(stdout), err = catch_stream(stderr);
    r.config = config_start(p, r.argc, r.argv, &r.exit_code);
    r.err = release_stream(err);
    r.out = release_stream(out);
    return r;
}

void run_free(struct run *r)
{
    config_free(r->config);
    for (int i = 0; i < r->argc; i++)
        free(r->argv[i]);
    free(r->out);
    free(r->err);
}

struct config *fixture_config(const struct config_program *p, const char *const *args)
{
    struct run r = fixture_run(p, args);
    if (!r.config)
        print_error("refused: %s", r.err);
    assert_non_null(r.config);
    assert_int_equal(r.exit_code, 0);
    struct config *c = r.config;
    r.config = NULL;
    run_free(&r);
    return c;
}

void assert_refused(const struct config_program *p, const char *const *args, const char *line)
{
    struct run r = fixture_run(p, args);
    assert_null(r.config);
    assert_int_equal(r.exit_code, 2);
    assert_string_equal(r.out, "");
    char wanted[1024];
    snprintf(wanted, sizeof wanted, "%s: %s\n", p->name, line);
    assert_string_equal(r.err, wanted);
    run_free(&r);
}
