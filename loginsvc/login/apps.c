#include "loginsvc/login/apps.h"

#include <stdlib.h>

#include "base/map.h"
#include "loginsvc/users/user.h"

struct app {
    char appid[USER_APPID_SIZE];
    struct secret secret;
    int users;
};

struct apps {
    struct app **list; /* in the order of the settings; each counted once */
    size_t n;
    struct map *by_id;
};

struct app *app_ref(struct app *a)
{
    a->users++;
    return a;
}

void app_unref(struct app *a)
{
    if (!a || --a->users > 0)
        return;
    secret_wipe(&a->secret);
    free(a);
}

struct slice app_id(const struct app *a)
{
    return slice_of(a->appid);
}

struct slice app_secret(const struct app *a)
{
    return secret_reveal(&a->secret);
}

struct apps *apps_new(void)
{
    struct apps *all = xcalloc(1, sizeof *all);
    all->by_id = map_new(0);
    return all;
}

static void clear(struct apps *all)
{
    for (size_t i = 0; i < all->n; i++)
        app_unref(all->list[i]);
    free(all->list);
    map_free(all->by_id);
    *all = (struct apps){0};
}

void apps_free(struct apps *all)
{
    if (!all)
        return;
    clear(all);
    free(all);
}

static void add(struct apps *all, const struct app_entry *entry)
{
    struct app *a = app_ref(xcalloc(1, sizeof *a));
    bool fits = slice_copy(entry->appid, a->appid, sizeof a->appid);
    ASSERT(fits);
    secret_set(&a->secret, entry->appsecret);
    all->list[all->n++] = a;
    ASSERT(map_put(all->by_id, app_id(a), a) == NULL);
}

bool apps_replace(struct apps *all, const struct app_entry *entries, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (entries[i].appid.n >= USER_APPID_SIZE)
            return err_set(e, "appid %.*s: longer than %d characters", (int)entries[i].appid.n,
                           entries[i].appid.p, USER_APPID_SIZE - 1);
    }
    clear(all);
    all->list = xcalloc(n + 1, sizeof(struct app *));
    all->by_id = map_new(0);
    for (size_t i = 0; i < n; i++)
        add(all, &entries[i]);
    return true;
}

struct app *apps_find(const struct apps *all, struct slice appid)
{
    return map_get(all->by_id, appid);
}

struct app *apps_only(const struct apps *all)
{
    return all->n == 1 ? all->list[0] : NULL;
}

size_t apps_count(const struct apps *all)
{
    return all->n;
}

struct app *apps_at(const struct apps *all, size_t i)
{
    ASSERT(i < all->n);
    return all->list[i];
}
