/* What a program does with its command line before anything else. */
#include "config/describe.h"
#include "config/faults.h"
#include "config/load.h"

enum { EXIT_OK = 0, EXIT_CHECK_FAILED = 1, EXIT_USAGE = 2 };

static void say_faults(const struct config_program *p, const struct config_faults *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%s: %s\n", p->name, config_faults_line(f, i));
}

/* --check-config tells all faults, a start the first: one line to act on. */
static int refuse(const struct config_program *p, const struct command *command,
                  const struct config_faults *f)
{
    bool check = command->action == COMMAND_CHECK;
    say_faults(p, f, check ? config_faults_count(f) : 1);
    return check ? EXIT_CHECK_FAILED : EXIT_USAGE;
}

/* Carries out what needs the settings and ends the program; true when it is to run. */
static bool is_to_run(const struct config *c)
{
    if (c->command.action == COMMAND_CHECK)
        printf("%s: the settings are in order\n", c->program->name);
    else if (c->command.action == COMMAND_PRINT)
        describe_config(c, stdout);
    return c->command.action == COMMAND_RUN;
}

static struct config *load(const struct config_program *p, const struct command *command,
                           int *exit_code)
{
    struct config_faults *faults = faults_new();
    struct config *c = config_load(p, command, NULL, faults);
    *exit_code = c ? EXIT_OK : refuse(p, command, faults);
    config_faults_free(faults);
    if (!c || is_to_run(c))
        return c;
    config_free(c);
    return NULL;
}

struct config *config_start(const struct config_program *p, int argc, char **argv, int *exit_code)
{
    struct command command;
    struct err e;
    struct config *c = NULL;
    *exit_code = EXIT_OK;
    if (!command_parse(p, argc, argv, &command, &e)) {
        fprintf(stderr, "%s: %s\n", p->name, e.text);
        *exit_code = EXIT_USAGE;
    } else if (command.action == COMMAND_HELP) {
        describe_help(p, stdout);
    } else if (command.action == COMMAND_VERSION) {
        printf("%s %s\n", p->name, config_version());
    } else {
        c = load(p, &command, exit_code);
    }
    command_deinit(&command);
    return c;
}
