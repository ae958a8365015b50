/* A line is built on the stack and leaves in one write, so lines of several threads and processes
 * on one pipe never mix (a pipe takes up to PIPE_BUF bytes whole). */
#include "log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "sys/clock.h"

enum {
    LINE_SIZE = PIPE_BUF,
    END_ROOM = 32,     /* for the mark of a cut line, the brace and the newline */
    VALUE_MAX = 1024,  /* bytes of one text, before escaping */
    EVENT_COLUMN = 24, /* width of the event in the text form */
};

static _Atomic(const char *) program_name = "-";
static atomic_int lowest = LOG_INFO;
static atomic_int form = LOG_JSON;

void log_init(const char *program, enum log_level level, enum log_format format)
{
    if (format == LOG_AUTO)
        format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
    atomic_store(&program_name, program);
    atomic_store(&lowest, (int)level);
    atomic_store(&form, (int)format);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
}

/* ---- bytes ---- */

/* One character as JSON writes it inside quotes; a byte that is none as "\\xHH". */
static void add_escaped(struct text *t, struct slice character, uint32_t code, bool well_formed)
{
    if (!well_formed)
        text_fmt(t, "\\\\x%02x", (unsigned)(unsigned char)character.p[0]);
    else if (code == '"' || code == '\\')
        text_fmt(t, "\\%c", (char)code);
    else if (code == '\n')
        text_str(t, "\\n");
    else if (utf8_is_control(code))
        text_fmt(t, "\\u%04" PRIx32, code);
    else
        text_add(t, character);
}

static void add_quoted(struct text *t, struct slice s)
{
    struct slice rest = utf8_prefix(s, VALUE_MAX);
    bool cut = rest.n < s.n;
    text_char(t, '"');
    while (rest.n > 0) {
        uint32_t code = 0;
        size_t n = utf8_first(rest, &code);
        size_t step = n ? n : 1;
        add_escaped(t, (struct slice){rest.p, step}, code, n > 0);
        rest = (struct slice){rest.p + step, rest.n - step};
    }
    text_str(t, cut ? "…\"" : "\"");
}

/* Whether the text form can show it without quotes and nobody misreads it. */
static bool is_plain(struct slice s)
{
    if (s.n == 0 || s.n > VALUE_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static void add_value(struct text *t, const struct log_field *f, bool json)
{
    switch (f->kind) {
    case LOG_KIND_INT:
        text_fmt(t, "%" PRId64, f->num);
        break;
    case LOG_KIND_BOOL:
        text_str(t, f->num ? "true" : "false");
        break;
    case LOG_KIND_STR:
        if (!json && is_plain(f->str))
            text_add(t, f->str);
        else
            add_quoted(t, f->str);
        break;
    case LOG_KIND_END:
        break;
    }
}

/* ---- lines ---- */

static void add_head(struct text *t, enum log_level level, const char *event, bool json)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const columns[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    const char *program = atomic_load(&program_name);
    char now[WALL_TEXT_SIZE];
    if (json)
        text_str(t, "{\"ts\":\"");
    text_str(t, wall_format(clock_wall(), now));
    if (json)
        text_fmt(t, "\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%ld,\"event\":\"%s\"",
                 names[level], program, (long)getpid(), event);
    else
        text_fmt(t, " %s %s[%ld] %-*s", columns[level], program, (long)getpid(), EVENT_COLUMN,
                 event);
}

/* Adds fields as long as they fit whole; false when one did not. */
static bool add_fields(struct text *t, const struct log_field *fields, bool json)
{
    for (const struct log_field *f = fields; f->kind != LOG_KIND_END; f++) {
        size_t before = t->n;
        text_fmt(t, json ? ",\"%s\":" : " %s=", f->name);
        add_value(t, f, json);
        if (t->cut) {
            t->n = before;
            t->p[before] = '\0';
            t->cut = false;
            return false;
        }
    }
    return true;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    char line[LINE_SIZE];
    bool json = atomic_load_explicit(&form, memory_order_relaxed) == LOG_JSON;
    struct text t = text_init(line, sizeof line - END_ROOM);
    add_head(&t, level, event, json);
    bool whole = !t.cut && add_fields(&t, fields, json);
    t.size = sizeof line;
    t.cut = false;
    if (!whole)
        text_str(&t, json ? ",\"line_cut\":true" : " line_cut=true");
    text_str(&t, json ? "}\n" : "\n");
    ssize_t put;
    do
        put = write(STDERR_FILENO, t.p, t.n);
    while (put < 0 && errno == EINTR);
}

bool log_limit_pass(struct log_limit *l, int64_t *swallowed)
{
    int64_t now_ms = clock_mono().ms;
    if (l->window_start_ms == 0 || now_ms - l->window_start_ms >= l->period_ms) {
        l->window_start_ms = now_ms;
        l->passed = 0;
    }
    if (l->passed >= l->burst) {
        l->swallowed++;
        return false;
    }
    l->passed++;
    *swallowed = l->swallowed;
    l->swallowed = 0;
    return true;
}
