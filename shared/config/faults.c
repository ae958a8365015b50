#include "config/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/draft.h"

enum { LINE_SIZE = 640 };

struct config_faults {
    char *lines[FAULTS_MAX];
    size_t n;
    size_t left_out;
    const struct draft *draft;
};

struct config_faults *faults_new(void)
{
    return xcalloc(1, sizeof(struct config_faults));
}

void faults_know_places(struct config_faults *f, const struct draft *draft)
{
    f->draft = draft;
}

/* The last line tells how many there was no room for. */
static void count_left_out(struct config_faults *f)
{
    char line[64];
    f->left_out++;
    snprintf(line, sizeof line, "and %zu more", f->left_out + 1);
    free(f->lines[FAULTS_MAX - 1]);
    f->lines[FAULTS_MAX - 1] = xstrdup(line);
}

static void PRINTF_LIKE(4, 0)
    add(struct config_faults *f, const char *where, const char *name, const char *fmt, va_list ap)
{
    if (f->n == FAULTS_MAX) {
        count_left_out(f);
        return;
    }
    char line[LINE_SIZE];
    struct text t = text_init(line, sizeof line);
    if (where)
        text_fmt(&t, "%s: ", where);
    if (name)
        text_fmt(&t, "%s: ", name);
    vsnprintf(line + t.n, sizeof line - t.n, fmt, ap);
    f->lines[f->n++] = xstrdup(line);
}

void faults_add(struct config_faults *f, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, where, NULL, fmt, ap);
    va_end(ap);
}

void config_fault(struct config_faults *f, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, name && f->draft ? draft_place(f->draft, name) : NULL, name, fmt, ap);
    va_end(ap);
}

size_t config_faults_count(const struct config_faults *f)
{
    return f->n;
}

const char *config_faults_line(const struct config_faults *f, size_t i)
{
    ASSERT(i < f->n);
    return f->lines[i];
}

void config_faults_free(struct config_faults *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        free(f->lines[i]);
    free(f);
}
