/* apps.h - the mini programs that may log in here: appid and appsecret.
 *
 * The list is replaced as a whole on a reload; an app is counted by those who use it, so that a
 * login under way keeps the one it began with. Loop thread only. */
#ifndef LOGINSVC_LOGIN_APPS_H
#define LOGINSVC_LOGIN_APPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

struct apps; /* opaque: the list */
struct app;  /* opaque: one of it */

struct app *app_ref(struct app *a); /* one more user; returns a */
void app_unref(struct app *a);      /* the last one frees and wipes; NULL is allowed */

struct slice app_id(const struct app *a);     /* ends in NUL */
struct slice app_secret(const struct app *a); /* to send to WeChat; never for a log */

struct apps *apps_new(void) MUST_CHECK; /* empty */
void apps_free(struct apps *all);       /* NULL is allowed */

struct app_entry {
    struct slice appid;
    struct slice appsecret;
};

/* From now on these n, all different; copied. False with a line in *e, and the list as it was, when
 * an appid is longer than a user's record has room for. */
bool apps_replace(struct apps *all, const struct app_entry *entries, size_t n,
                  struct err *e) MUST_CHECK;

/* Borrowed until apps_replace: app_ref what must live longer. */
struct app *apps_find(const struct apps *all, struct slice appid); /* NULL: no such app */
struct app *apps_only(const struct apps *all);                     /* NULL: not exactly one */
size_t apps_count(const struct apps *all);
struct app *apps_at(const struct apps *all, size_t i);

#endif
