#include "config/describe.h"

#include <ctype.h>

#include "config/command.h"
#include "config/value.h"

/* ---- --help ---- */

/* "  --expires-in" of EXPIRES_IN, else the name itself. */
static void write_name(const struct config_program *p, const struct config_item *item, FILE *out)
{
    bool is_option = config_item_is_option(p, item);
    fputs(is_option ? "  --" : "  ", out);
    for (const char *c = item->name; *c; c++) {
        if (is_option)
            fputc(*c == '_' ? '-' : tolower((unsigned char)*c), out);
        else
            fputc(*c, out);
    }
    if (is_option && item->flags & CONFIG_NO_ARGUMENT)
        fputs("-file", out);
}

static void write_item(const struct config_program *p, const struct config_item *item, FILE *out)
{
    char about[256];
    struct text legal = text_init(about, sizeof about);
    value_legal(item, &legal);
    write_name(p, item, out);
    fprintf(out, "  (%s", about);
    if (item->initial && item->initial[0] == '$')
        fprintf(out, "; as %s", item->initial + 1);
    else if (item->initial)
        fprintf(out, "; default %s", item->initial);
    fprintf(out, ")\n      %s\n", item->help);
}

static void write_options(const struct config_program *p, FILE *out)
{
    fprintf(out,
            "%s - %s\n\n"
            "usage: %s [options]%s%s\n\n"
            "  -c, --config FILE   read settings from this INI file\n"
            "  --set NAME=VALUE    one setting; may be repeated\n"
            "  --check-config      say what is wrong with the settings, and where; exit 0 or 1\n"
            "  --print-config      print the settings in force and where they come from\n"
            "  --version, --help\n\n",
            p->name, p->summary, p->name, p->arguments ? " " : "",
            p->arguments ? p->arguments : "");
}

void describe_help(const struct config_program *p, FILE *out)
{
    write_options(p, out);
    fprintf(out,
            "Settings, each over the one before: default < INI file (name in lower case) <\n"
            ".env.local in the working directory < environment < %s.\n"
            "A secret X may be given as X_FILE=/path.\n",
            p->items_are_options ? "options and --set" : "--set");
    if (p->environment_prefix)
        fprintf(out, "In the environment and in .env.local a name begins with %s.\n",
                p->environment_prefix);
    fputc('\n', out);
    for (size_t i = 0; i < p->n_items; i++)
        write_item(p, &p->items[i], out);
    for (size_t i = 0; i < p->n_sections; i++) {
        const struct config_section *s = &p->sections[i];
        fprintf(out, "\n[%s NAME] in the INI file, any number of times: %s\n", s->kind, s->help);
        struct config_program as_section = {.name = s->kind};
        for (size_t j = 0; j < s->n_items; j++)
            write_item(&as_section, &s->items[j], out);
    }
    if (p->notes)
        fprintf(out, "\n%s", p->notes);
}

/* ---- --print-config ---- */

static void write_slot(const struct config_item *item, const struct slot *slot, FILE *out)
{
    char name[64];
    struct text t = text_init(name, sizeof name);
    for (const char *c = item->name; *c; c++)
        text_char(&t, (char)tolower((unsigned char)*c));
    struct slice text = secret_reveal(&slot->text);
    /* A default is in --help for everybody to read. */
    bool hide = value_is_secret(item) && slot->source != SOURCE_DEFAULT && text.n > 0;
    fprintf(out, "%-24s = %-32s # %s\n", name,
            hide     ? "******"
            : text.p ? text.p
                     : "",
            slot->where ? slot->where : "not set");
}

static void write_slots(const struct slots *slots, FILE *out)
{
    for (size_t i = 0; i < slots->n; i++) {
        if (!(slots->items[i].flags & CONFIG_OPTION))
            write_slot(&slots->items[i], &slots->at[i], out);
    }
}

void describe_config(const struct config *c, FILE *out)
{
    const struct draft *d = &c->draft;
    write_slots(&d->top, out);
    for (size_t i = 0; i < d->n_sections; i++) {
        const struct draft_section *s = &d->sections[i];
        fprintf(out, "\n[%s %s] # %s\n", s->about->kind, s->id, s->where);
        write_slots(&s->slots, out);
    }
}
