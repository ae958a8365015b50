#include "config/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/slots.h"
#include "config/value.h"
#include "sys/process.h"

enum { NAME_SIZE = 80 };

/* ---- what was given ---- */

static void add_setting(struct command *c, struct slice name, struct slice value, const char *where)
{
    c->settings = xrealloc(c->settings, (c->n_settings + 1) * sizeof *c->settings);
    struct command_setting *s = &c->settings[c->n_settings++];
    *s = (struct command_setting){.name = slice_dup(name), .where = where};
    secret_set(&s->value, value);
}

static void add_argument(struct command *c, const char *text)
{
    struct config_list *l = &c->arguments;
    l->items = xrealloc(l->items, (l->n + 1) * sizeof *l->items);
    l->items[l->n++] = xstrdup(text);
}

void command_deinit(struct command *c)
{
    for (size_t i = 0; i < c->n_settings; i++) {
        secret_wipe(&c->settings[i].value);
        free(c->settings[i].name);
    }
    for (size_t i = 0; i < c->arguments.n; i++)
        free(c->arguments.items[i]);
    free(c->settings);
    free(c->arguments.items);
    free(c->path);
    *c = (struct command){.action = COMMAND_RUN};
}

void command_copy(struct command *to, const struct command *from)
{
    *to = (struct command){.action = from->action, .path = xstrdup(from->path)};
    for (size_t i = 0; i < from->n_settings; i++) {
        const struct command_setting *s = &from->settings[i];
        add_setting(to, slice_of(s->name), secret_reveal(&s->value), s->where);
    }
    for (size_t i = 0; i < from->arguments.n; i++)
        add_argument(to, from->arguments.items[i]);
}

/* ---- options ---- */

/* The arguments as they are read. */
struct reading {
    const struct config_program *program;
    int argc;
    char **argv;
    int at; /* the argument that is being read */
    struct command *command;
    struct err *e;
};

/* An option and its value, which is a part of an argument. */
struct option {
    struct slice name; /* with its dashes */
    char *value;       /* NULL: none was joined to it by = */
};

static struct option split_option(char *arg)
{
    char *equals = strncmp(arg, "--", 2) == 0 ? strchr(arg, '=') : NULL;
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    return (struct option){{arg, n}, equals ? equals + 1 : NULL};
}

/* The value, which may be the next argument. NULL with a line in r->e when there is none. */
static char *need_value(struct reading *r, const struct option *o)
{
    if (o->value)
        return o->value;
    if (r->at + 1 < r->argc)
        return r->argv[++r->at];
    (void)err_set(r->e, "%.*s: expected a value behind it", (int)o->name.n, o->name.p);
    return NULL;
}

static bool raise_action(struct reading *r, const struct option *o, enum command_action action)
{
    if (o->value)
        return err_set(r->e, "%.*s: expected no value", (int)o->name.n, o->name.p);
    if (action > r->command->action)
        r->command->action = action;
    return true;
}

/* The program's item, or NULL. What is unknown may be a secret whose name was misspelt. */
static const struct config_item *find_item(const struct config_program *p, struct slice name,
                                           bool *may_be_secret)
{
    bool is_path = false;
    struct slots all = {p->items, p->n_items, NULL};
    int i = slots_find(&all, name, &is_path);
    const struct config_item *item = i < 0 ? NULL : &p->items[i];
    *may_be_secret = !item || (value_is_secret(item) && !is_path);
    return item;
}

static bool take_set(struct reading *r, const struct option *o)
{
    char *pair = need_value(r, o);
    if (!pair)
        return false;
    char *equals = strchr(pair, '=');
    bool may_be_secret = false;
    if (!equals)
        return err_set(r->e, "--set: expected name=value");
    struct slice name = {pair, (size_t)(equals - pair)};
    add_setting(r->command, name, slice_of(equals + 1), "--set");
    (void)find_item(r->program, name, &may_be_secret);
    if (may_be_secret)
        process_hide_argument(equals + 1, 0);
    return true;
}

static bool take_path(struct reading *r, const struct option *o)
{
    const char *path = need_value(r, o);
    if (!path)
        return false;
    free(r->command->path);
    r->command->path = xstrdup(path);
    return true;
}

/* "--expires-in" is EXPIRES_IN. Empty when it is too long to be a name. */
static struct slice name_of_option(struct slice option, char out[NAME_SIZE])
{
    struct text t = text_init(out, NAME_SIZE);
    for (size_t i = 2; i < option.n; i++)
        text_char(&t, option.p[i] == '-' ? '_' : (char)toupper((unsigned char)option.p[i]));
    return t.cut ? (struct slice){NULL, 0} : (struct slice){t.p, t.n};
}

/* The program's item that the option stands for, or NULL; its name in `name`. */
static const struct config_item *own_item(const struct reading *r, const struct option *o,
                                          char buffer[NAME_SIZE], struct slice *name,
                                          bool *may_be_secret)
{
    *name = name_of_option(o->name, buffer);
    const struct config_item *item = find_item(r->program, *name, may_be_secret);
    return item && config_item_is_option(r->program, item) ? item : NULL;
}

static bool take_setting(struct reading *r, const struct option *o)
{
    char buffer[NAME_SIZE];
    struct slice name;
    bool may_be_secret = false;
    const struct config_item *item = own_item(r, o, buffer, &name, &may_be_secret);
    if (!item)
        return err_set(r->e, "unknown option %.*s: expected one that --help lists",
                       (int)(o->name.n < 80 ? o->name.n : 80), o->name.p);
    if (item->kind == CONFIG_KIND_BOOL && !o->value) {
        add_setting(r->command, name, SLICE_LIT("true"), "command line");
        return true;
    }
    char *value = need_value(r, o);
    if (!value)
        return false;
    add_setting(r->command, name, slice_of(value), "command line");
    if (may_be_secret)
        process_hide_argument(value, 0);
    return true;
}

/* Whether it belongs to what the arguments before it name: "tool --version", "tool get --version
 * 3".
 */
static bool is_of_command(const struct reading *r, const struct option *o)
{
    char buffer[NAME_SIZE];
    struct slice name;
    bool may_be_secret = false;
    return r->command->arguments.n > 0 && own_item(r, o, buffer, &name, &may_be_secret);
}

static bool take_option(struct reading *r)
{
    struct option o = split_option(r->argv[r->at]);
    if (is_of_command(r, &o))
        return take_setting(r, &o);
    if (slice_is(o.name, "--help") || slice_is(o.name, "-h"))
        return raise_action(r, &o, COMMAND_HELP);
    if (slice_is(o.name, "--version"))
        return raise_action(r, &o, COMMAND_VERSION);
    if (slice_is(o.name, "--check-config"))
        return raise_action(r, &o, COMMAND_CHECK);
    if (slice_is(o.name, "--print-config"))
        return raise_action(r, &o, COMMAND_PRINT);
    if (slice_is(o.name, "-c") || slice_is(o.name, "--config"))
        return take_path(r, &o);
    if (slice_is(o.name, "--set"))
        return take_set(r, &o);
    return take_setting(r, &o);
}

static bool take_argument(struct reading *r)
{
    if (r->command->arguments.n == r->program->max_arguments)
        return err_set(r->e, "unexpected argument %.80s: expected %s", r->argv[r->at],
                       r->program->arguments ? r->program->arguments : "only options");
    add_argument(r->command, r->argv[r->at]);
    return true;
}

bool command_parse(const struct config_program *p, int argc, char **argv, struct command *c,
                   struct err *e)
{
    *c = (struct command){.action = COMMAND_RUN};
    struct reading r = {p, argc, argv, 1, c, e};
    bool options = true;
    for (; r.at < argc; r.at++) {
        const char *arg = argv[r.at];
        if (options && strcmp(arg, "--") == 0)
            options = false;
        else if (!(options && arg[0] == '-' && arg[1] ? take_option(&r) : take_argument(&r)))
            return false;
    }
    return true;
}
