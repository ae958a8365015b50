/* docs/configuration.md and .env.example, written from the tables. */
#include <ctype.h>
#include <string.h>

#include "config/config.h"
#include "config/value.h"

/* ---- what is common ---- */

static const struct config_item *find_item(const struct config_program *p, const char *name)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (strcmp(p->items[i].name, name) == 0)
            return &p->items[i];
    }
    return NULL;
}

static const struct config_section *find_section(const struct config_program *p, const char *kind)
{
    for (size_t i = 0; i < p->n_sections; i++) {
        if (strcmp(p->sections[i].kind, kind) == 0)
            return &p->sections[i];
    }
    return NULL;
}

static bool share_an_item(const struct config_program *a, const struct config_program *b)
{
    for (size_t i = 0; i < a->n_items; i++) {
        if (find_item(b, a->items[i].name))
            return true;
    }
    return false;
}

/* The programs that are configured together. */
struct family {
    const struct config_program *const *programs;
    size_t n;
};

/* The programs that share settings with the first one, in front. */
static struct family family_of(const struct config_program *const *programs, size_t n)
{
    struct family f = {programs, n ? 1 : 0};
    while (f.n < n && share_an_item(programs[0], programs[f.n]))
        f.n++;
    return f;
}

static bool all_have_item(const struct family *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!find_item(f->programs[i], name))
            return false;
    }
    return f->n > 1;
}

static bool all_have_section(const struct family *f, const char *kind)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!find_section(f->programs[i], kind))
            return false;
    }
    return f->n > 1;
}

static void write_names(const struct family *f, FILE *out)
{
    for (size_t i = 0; i < f->n; i++)
        fprintf(out, "%s%s", i == 0 ? "" : i + 1 == f->n ? " and " : ", ", f->programs[i]->name);
}

/* Writes a program's share of a text: what is `common` to all of them, or what is not. */
struct share {
    const struct family *family;
    const struct config_program *program;
    bool common;
};

static bool item_is_in(const struct share *s, const struct config_item *item)
{
    bool is_setting = !(item->flags & CONFIG_OPTION);
    return is_setting && all_have_item(s->family, item->name) == s->common;
}

/* ---- docs/configuration.md ---- */

static const char preface[] =
    "# Settings\n\n"
    "<!-- Generated from the settings tables of the programs: do not edit. -->\n\n"
    "Every setting has one name. In the environment it is written as below, in an INI file in "
    "lower\n"
    "case, on the command line as `--set NAME=value`. When several sources set it, the last one "
    "in\n"
    "this row wins:\n\n"
    "default < INI file (`-c FILE`) < `.env.local` in the working directory < environment < "
    "`--set`\n"
    "\n"
    "A secret `X` may also be given as `X_FILE=/path` in any of them: its value is the content of\n"
    "the file, without the newline at its end. An empty variable in the environment or in\n"
    "`.env.local` counts as not set. An unknown name in the INI file or in `--set`, or a bad "
    "value\n"
    "anywhere, refuses to start with one line that says what is wrong and where, and exit code 2.\n"
    "`--check-config` says all that is wrong and ends with exit code 0 or 1; `--print-config` "
    "shows\n"
    "the values in force and where each comes from, secrets masked.\n\n"
    "SIGHUP reads all sources again. What is marked *reload* changes at once, the rest is "
    "reported\n"
    "and waits for a restart. When anything is wrong, the old settings stay in force, and the log\n"
    "says why.\n\n"
    "## How values are written\n\n"
    "| type | examples |\n"
    "|---|---|\n"
    "| duration | `500ms` `2s` `5m` `2h` `30d` |\n"
    "| size | `512` `64k` `1m` `1g` |\n"
    "| rate | `5/1m`: five in one minute |\n"
    "| boolean | `true` `false` `yes` `no` `on` `off` `1` `0` |\n"
    "| address | `127.0.0.1:8081` `[::1]:8081` `:8081` (every address) |\n"
    "| list | `a,b,c` |\n\n"
    "In an INI file the value is all that follows `name =`, without quotes. A comment stands on a\n"
    "line of its own that begins with `#` or `;`. In `.env.local` a value may stand in single or\n"
    "double quotes, ` #` begins a comment, and names that are no settings are left to the other\n"
    "programs that read the file.\n\n"
    "Several programs may read one INI file. What stands before all sections is for each of them;\n"
    "what is for one alone stands in a section that has its name, and the others pass over it:\n\n"
    "```ini\n"
    "redis_url = redis://127.0.0.1:6379/0\n"
    "[tokend]\n"
    "token_mode = stable\n"
    "[loginsvc]\n"
    "jwt_secret_file = /etc/loginsvc/jwt_secret\n"
    "[app wx0123456789abcdef]\n"
    "secret_file = /etc/tokend/appsecret\n"
    "```\n";

/* A table cell: | would end it. */
static void write_cell(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            fputc('\\', out);
        fputc(*p, out);
    }
}

static void write_default(const struct config_item *item, FILE *out)
{
    if (!item->initial)
        fputs("-", out);
    else if (item->initial[0] == '$')
        fprintf(out, "as `%s`", item->initial + 1);
    else
        fprintf(out, "`%s`", item->initial);
}

static void write_row(const struct config_item *item, bool lower, FILE *out)
{
    char legal[256];
    struct text t = text_init(legal, sizeof legal);
    value_legal(item, &t);
    fputs("| `", out);
    for (const char *p = item->name; *p; p++)
        fputc(lower ? tolower((unsigned char)*p) : *p, out);
    fputs("` | ", out);
    write_default(item, out);
    fputs(" | ", out);
    write_cell(out, legal);
    fprintf(out, "%s | %s | ", item->kind == CONFIG_KIND_SECRET ? ", secret" : "",
            item->flags & CONFIG_RELOADABLE ? "yes" : "");
    write_cell(out, item->help);
    fputs(" |\n", out);
}

static const char table_head[] = "| setting | default | legal values | reload | meaning |\n"
                                 "|---|---|---|---|---|\n";

static void write_sections(const struct share *s, FILE *out)
{
    for (size_t i = 0; i < s->program->n_sections; i++) {
        const struct config_section *section = &s->program->sections[i];
        if (all_have_section(s->family, section->kind) != s->common)
            continue;
        fprintf(out,
                "\n### `[%s NAME]`\n\n"
                "In the INI file, up to %zu times: %s. NAME: %s.\n\n%s",
                section->kind, section->max, section->help, section->id_expected, table_head);
        for (size_t j = 0; j < section->n_items; j++)
            write_row(&section->items[j], true, out);
    }
}

static void write_chapter(const struct share *s, FILE *out)
{
    fprintf(out, "\n%s", table_head);
    for (size_t i = 0; i < s->program->n_items; i++) {
        if (item_is_in(s, &s->program->items[i]))
            write_row(&s->program->items[i], false, out);
    }
    write_sections(s, out);
}

void config_write_docs(const struct config_program *const *programs, size_t n, FILE *out)
{
    struct family f = family_of(programs, n);
    fputs(preface, out);
    if (f.n > 1) {
        fputs("\n## ", out);
        write_names(&f, out);
        fputc('\n', out);
        write_chapter(&(struct share){&f, programs[0], true}, out);
    }
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "\n## %s\n", programs[i]->name);
        write_chapter(&(struct share){&f, programs[i], false}, out);
    }
}

/* ---- .env.example ---- */

static void write_wrapped(const char *text, FILE *out)
{
    enum { WIDTH = 96 };
    size_t column = 0;
    for (struct slice rest = slice_of(text); rest.p;) {
        struct slice word = slice_cut(&rest, ' ');
        if (column == 0 || column + 1 + word.n > WIDTH) {
            fputs(column ? "\n#" : "#", out);
            column = 1;
        }
        fprintf(out, " %.*s", (int)word.n, word.p);
        column += 1 + word.n;
    }
    fputc('\n', out);
}

static void write_variable(const struct config_item *item, FILE *out)
{
    fputc('\n', out);
    write_wrapped(item->help, out);
    fprintf(out, "#%s=%s\n", item->name, item->initial ? item->initial : "");
}

static void write_variables(const struct share *s, FILE *out)
{
    for (size_t i = 0; i < s->program->n_items; i++) {
        if (item_is_in(s, &s->program->items[i]))
            write_variable(&s->program->items[i], out);
    }
}

void config_write_env_example(const struct config_program *const *programs, size_t n, FILE *out)
{
    struct family f = family_of(programs, n);
    fputs(
        "# Copy to .env.local and take the # away from what you set. Generated from the settings\n"
        "# tables: docs/configuration.md tells more.\n",
        out);
    if (f.n > 1) {
        fputs("\n# ---- ", out);
        write_names(&f, out);
        fputs(" ----\n", out);
        write_variables(&(struct share){&f, programs[0], true}, out);
    }
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "\n# ---- %s ----\n", programs[i]->name);
        write_variables(&(struct share){&f, programs[i], false}, out);
    }
}
