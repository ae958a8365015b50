/* config.h - a program's settings: declared in one table, read from everywhere, checked, explained.
 *
 * A program lists its settings once, as an X-macro, and gets from it the struct of typed fields,
 * the INI key (lower case), the environment variable, `.env.local`, `--set`, `X_FILE` for secrets,
 * --help, --check-config, --print-config and docs/configuration.md. Later sources win:
 *
 *   default < INI file (-c) < .env.local in the working directory < environment < --set
 *
 *   #define FOO_SETTINGS(X, S)                                                                \
 *       X(S, ADDRESS, listen, FOO_LISTEN, "127.0.0.1:80", CONFIG_ANY, 0, "where it listens")  \
 *       X(S, DURATION, wait_ms, FOO_WAIT, "5s", CONFIG_RANGE(0, 60000), CONFIG_RELOADABLE, "…")
 *
 *   struct foo_settings { FOO_SETTINGS(CONFIG_FIELD, ) };
 *   static const struct config_item items[] = {FOO_SETTINGS(CONFIG_ITEM, struct foo_settings)};
 *
 * It is not a store: a settings object never changes. A reload makes a new one. Files are read with
 * blocking calls, at start and on reload only. One thread. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/check.h"
#include "base/secret.h"
#include "base/text.h"

/* ---- types of values ---- */

/* "5/1m": so many per so long. Switched off ("off"): both 0. */
struct config_rate {
    int64_t count;
    int64_t per_ms;
};

/* "a,b,c", blanks around the commas dropped, empty parts too. */
struct config_list {
    char **items;
    size_t n;
};

/* What the kind in a table may be, what is written, and the field it becomes:
 *   STRING        text                         char *, NULL when unset or empty
 *   SECRET        text, or X_FILE=/path        struct secret; masked wherever it is shown
 *   BOOL          true false yes no on off 1 0 bool
 *   INT           42                           int64_t
 *   DURATION      500ms 2s 5m 2h 30d           int64_t, milliseconds (name the field …_ms)
 *   SIZE          512 64k 1m 1g                int64_t, bytes
 *   RATE          5/1m                         struct config_rate
 *   ADDRESS       host:port [::1]:port :port   char *, as written; port 0 is a free one
 *   LIST          a,b,c                        struct config_list
 *   CHOICE(enum)  one of CONFIG_ONE_OF         the enum; the words stand in its order, from 0
 *   SET           several of CONFIG_ONE_OF     unsigned, bit i for word i; blanks or commas between
 */
enum config_kind {
    CONFIG_KIND_STRING,
    CONFIG_KIND_SECRET,
    CONFIG_KIND_BOOL,
    CONFIG_KIND_INT,
    CONFIG_KIND_DURATION,
    CONFIG_KIND_SIZE,
    CONFIG_KIND_RATE,
    CONFIG_KIND_ADDRESS,
    CONFIG_KIND_LIST,
    CONFIG_KIND_ENUM,
    CONFIG_KIND_SET,
};
#define CONFIG_KIND_CHOICE(type) CONFIG_KIND_ENUM

#define CONFIG_TYPE_STRING       char *
#define CONFIG_TYPE_SECRET       struct secret
#define CONFIG_TYPE_BOOL         bool
#define CONFIG_TYPE_INT          int64_t
#define CONFIG_TYPE_DURATION     int64_t
#define CONFIG_TYPE_SIZE         int64_t
#define CONFIG_TYPE_RATE         struct config_rate
#define CONFIG_TYPE_ADDRESS      char *
#define CONFIG_TYPE_LIST         struct config_list
#define CONFIG_TYPE_CHOICE(type) type
#define CONFIG_TYPE_SET          unsigned

/* ---- tables ---- */

/* The bounds of a value: of the number, of a rate's count, of a text's bytes, of a list's parts. */
struct config_rule {
    int64_t min, max;           /* 0, 0: the kind's own bounds */
    const char *zero_word;      /* a word for 0, which is then legal ("auto", "off"); or NULL */
    const char *const *choices; /* of ENUM and SET: ends with NULL */
};
#define CONFIG_ANY                                                                                 \
    {                                                                                              \
        0, 0, NULL, NULL                                                                           \
    }
#define CONFIG_RANGE(min, max)                                                                     \
    {                                                                                              \
        (min), (max), NULL, NULL                                                                   \
    }
#define CONFIG_RANGE_OR(word, min, max)                                                            \
    {                                                                                              \
        (min), (max), (word), NULL                                                                 \
    }
#define CONFIG_ONE_OF(words)                                                                       \
    {                                                                                              \
        0, 0, NULL, (words)                                                                        \
    }

enum config_flag {
    CONFIG_RELOADABLE = 1,  /* SIGHUP takes a new value over; the others need a restart */
    CONFIG_MASKED = 2,      /* its text holds secrets though it is no SECRET: never shown */
    CONFIG_OPTION = 4,      /* an option of one run, no setting: on the command line only, --name */
    CONFIG_NO_ARGUMENT = 8, /* a SECRET that the command line takes as NAME_FILE only: what stands
                               there every user of the machine may read */
};

struct config_item {
    enum config_kind kind;
    const char *name;    /* upper case, as in the environment */
    const char *initial; /* the default as one would write it; NULL: unset; in a section "$NAME":
                            what the program's setting NAME says (unset if it has no such one) */
    size_t offset;
    struct config_rule rule;
    unsigned flags; /* enum config_flag */
    const char *help;
};

#define CONFIG_FIELD(S, kind, field, name, initial, rule, flags, help) CONFIG_TYPE_##kind field;
#define CONFIG_ITEM(S, kind, field, name, initial, rule, flags, help)                              \
    {CONFIG_KIND_##kind, #name, (initial), offsetof(S, field), rule, (flags), (help)},

/* Counts a table: enum { N = 0 FOO_SETTINGS(CONFIG_COUNT, ) }. */
#define CONFIG_COUNT(S, kind, field, name, initial, rule, flags, help) +1

struct config_faults; /* opaque */

/* `[kind ID]` sections of the INI file, any number: an array of structs in the program's own. */
struct config_section {
    const char *kind; /* "app" */
    const char *help;
    const struct config_item *items;
    size_t n_items;
    size_t size;         /* of one struct, which has `char *` at id_offset for the ID */
    size_t id_offset;    /* in that struct */
    size_t array_offset; /* of the pointer to the first, in the program's struct; from the heap */
    size_t count_offset; /* of its size_t, in the program's struct */
    size_t max;          /* more are refused */
    bool (*id_ok)(struct slice id);
    const char *id_expected; /* "1 to 64 of A-Z a-z 0-9 _ -" */
};

struct config_program {
    const char *name;    /* "tokend" */
    const char *summary; /* one line for --help */
    const struct config_item *items;
    size_t n_items;
    size_t size; /* of the program's struct */
    const struct config_section *sections;
    size_t n_sections;
    /* Other programs that may read the same INI file, and kinds of sections that only they have;
     * ends with NULL. Their sections are passed over; what is for this program alone may stand in
     * one that has its name. Or NULL. */
    const char *const *neighbours;
    const char *environment_prefix; /* in front of every name in the environment and .env.local, for
                                       a program whose names are everyday words; or NULL */
    bool items_are_options;         /* --expires-in 7200s for EXPIRES_IN; a BOOL needs no value.
                                       Behind an argument they go before --help, --version, … */
    const char *arguments; /* what may follow the options, for --help ("get APPID"); or NULL */
    size_t max_arguments;  /* more are refused */
    const char *notes;     /* what else --help says, at its end; whole lines; or NULL */

    /* Looks at the settings as a whole: says with config_fault what is wrong, completes what comes
     * from several settings (heap memory in the arrays of sections goes with them). Or NULL. */
    void (*finish)(void *values, struct config_faults *faults);
    /* Frees what finish made in fields of its own. Or NULL. */
    void (*release)(void *values);
};

/* Notes one line about what is wrong, for the settings `name` of the program (its place is put in
 * front) or, with name NULL, for the whole. Never with a secret's text. */
void config_fault(struct config_faults *f, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* ---- a program's settings ---- */

struct config; /* opaque, constant */

/* For main: reads argv and all other sources, carries out --help, --version, --check-config and
 * --print-config, hides secrets in argv. NULL when the program is to end, with *exit_code: 0, or 2
 * for bad usage or settings (one line on stderr says what), or 1 from a failed --check-config.
 * `p` is borrowed for ever. */
struct config *config_start(const struct config_program *p, int argc, char **argv,
                            int *exit_code) MUST_CHECK;

/* Reads all sources again, with the command line of config_start. The settings that are not
 * reloadable keep the value they have in `old`, and config_needs_restart names those that would
 * have changed. NULL, with every fault in *faults (freed by the caller), when something is wrong:
 * `old`, which is left alone either way, then stays in use. */
struct config *config_reload(const struct config *old, struct config_faults **faults) MUST_CHECK;

void config_free(struct config *c); /* wipes secrets; NULL is allowed */

/* The program's struct, borrowed until config_free. */
const void *config_values(const struct config *c);

/* What stood after the options, in order; borrowed until config_free. */
const struct config_list *config_arguments(const struct config *c);

/* Names of the settings that a reload could not take over; borrowed until config_free. */
const struct config_list *config_needs_restart(const struct config *c);

size_t config_faults_count(const struct config_faults *f);
const char *config_faults_line(const struct config_faults *f, size_t i); /* borrowed */
void config_faults_free(struct config_faults *f);                        /* NULL is allowed */

/* "0.1.0": of the whole product. */
const char *config_version(void);

/* ---- generated texts ---- */

/* docs/configuration.md and .env.example of several programs. Those that share a setting with the
 * first one, which stand next to it, are configured together: what they all have stands once. */
void config_write_docs(const struct config_program *const *programs, size_t n, FILE *out);
void config_write_env_example(const struct config_program *const *programs, size_t n, FILE *out);

#endif
