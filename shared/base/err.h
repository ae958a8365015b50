/* err.h - what went wrong: a class that says what to do, and a line for a person.
 *
 * The class drives the machines; the text is for logs and answers and never holds a secret. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/check.h"

/* What the caller should do about an error. */
enum err_class {
    ERR_NONE,     /* no error */
    ERR_RETRY,    /* nothing happened at the peer: repeating is safe and may help at once */
    ERR_BACKOFF,  /* the peer is busy or down: repeat later, ever more slowly */
    ERR_UNKNOWN,  /* it may have happened or not: do not repeat what may only happen once */
    ERR_TOKEN,    /* the access_token is dead: get a newer one, then repeat */
    ERR_USER,     /* the person at the phone must do something (tap again) */
    ERR_QUOTA,    /* used up for the day: wait for the next one */
    ERR_OPERATOR, /* configuration or account: a person must act, repeat slowly */
    ERR_BUG,      /* our own request was wrong: report, do not repeat */
};

/* A line for a person. Functions that take one leave it alone on success. */
struct err {
    char text[256];
};

/* Formats into e->text, cut to fit; always returns false so that `return err_set(...)` reads well.
 * e may be NULL. */
bool err_set(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The class's name in lower case ("backoff"), for logs and metrics. */
const char *err_class_name(enum err_class c);

#endif
