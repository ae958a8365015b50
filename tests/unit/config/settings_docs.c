/* settings_docs - writes what is generated from the settings tables of the programs, or says
 * whether a committed file is still what would be written.
 *
 *   settings_docs markdown|env|check-markdown|check-env FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loginsvc/settings.h"
#include "sys/file.h"
#include "tokend/ctl/settings.h"
#include "tokend/settings.h"

typedef void writer(const struct config_program *const *programs, size_t n, FILE *out);

static const struct config_program *const programs[] = {&tokend_program, &loginsvc_program,
                                                        &ctl_program};

enum { MAX_BYTES = 1024 * 1024 };

static int write_file(writer *write, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out) {
        perror(path);
        return 1;
    }
    write(programs, ARRAY_LEN(programs), out);
    return fclose(out) == 0 ? 0 : 1;
}

static int check_file(writer *write, const char *path)
{
    char *wanted = NULL, *found = NULL;
    size_t n_wanted = 0, n_found = 0;
    struct err e;
    FILE *out = open_memstream(&wanted, &n_wanted);
    ASSERT(out);
    write(programs, ARRAY_LEN(programs), out);
    ASSERT(fclose(out) == 0);
    bool same = file_read(path, MAX_BYTES, &found, &n_found, &e) && n_found == n_wanted &&
                memcmp(found, wanted, n_wanted) == 0;
    if (!same)
        fprintf(stderr, "%s is not what the tables say: build the target configuration_docs\n",
                path);
    free(wanted);
    free(found);
    return same ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: settings_docs markdown|env|check-markdown|check-env FILE\n");
        return 2;
    }
    bool check = strncmp(argv[1], "check-", 6) == 0;
    const char *form = check ? argv[1] + 6 : argv[1];
    writer *write = strcmp(form, "env") == 0 ? config_write_env_example : config_write_docs;
    return check ? check_file(write, argv[2]) : write_file(write, argv[2]);
}
