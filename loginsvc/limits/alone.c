#include "loginsvc/limits/alone.h"

#include <stdlib.h>

#include "base/map.h"
#include "loginsvc/limits/window.h"

struct alone {
    struct windows *windows; /* of users and addresses */
    struct map *under_way;   /* struct under_way by appid */
};

struct under_way {
    int64_t n;
};

struct alone *alone_new(size_t max_names)
{
    struct alone *a = xcalloc(1, sizeof *a);
    a->windows = windows_new(max_names);
    a->under_way = map_new(0);
    return a;
}

void alone_free(struct alone *a)
{
    size_t at = 0;
    struct slice appid;
    void *one;
    if (!a)
        return;
    while (map_next(a->under_way, &at, &appid, &one))
        free(one);
    map_free(a->under_way);
    windows_free(a->windows);
    free(a);
}

/* ---- which limits apply ---- */

bool limit_of_user(const struct claims_limits *l, const struct claim *c)
{
    return c->phone && c->user_id != 0 && l->per_user.count > 0;
}

bool limit_of_address(const struct claims_limits *l, const struct claim *c)
{
    return c->address[0] != '\0' && l->per_address.count > 0;
}

bool limit_of_budget(const struct claims_limits *l, const struct claim *c)
{
    return c->phone && l->paid_stops && l->paid_max > 0;
}

/* ---- users and addresses ---- */

enum { USER_NAME_SIZE = USER_APPID_SIZE + 24 };

static struct slice name_user(const struct claim *c, int64_t user_id, char out[USER_NAME_SIZE])
{
    struct text t = text_init(out, USER_NAME_SIZE);
    text_fmt(&t, "%s|%lld", c->appid, (long long)user_id);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

static int64_t wait_of(const struct alone *a, const struct claims_limits *l, const struct claim *c,
                       mono_ms_t now)
{
    char user[USER_NAME_SIZE];
    int64_t wait_ms = 0;
    if (limit_of_user(l, c))
        wait_ms = windows_wait_ms(a->windows, name_user(c, c->user_id, user), l->per_user, now);
    if (wait_ms == 0 && limit_of_address(l, c))
        wait_ms = windows_wait_ms(a->windows, slice_of(c->address), l->per_address, now);
    return wait_ms;
}

void alone_count_phone(struct alone *a, const struct claims_limits *l, const struct claim *c,
                       int64_t user_id, mono_ms_t now)
{
    char user[USER_NAME_SIZE];
    windows_count(a->windows, name_user(c, user_id, user), l->per_user, now);
}

/* ---- requests under way ---- */

static struct under_way *under_way_of(struct alone *a, const struct claim *c)
{
    struct under_way *u = map_get(a->under_way, slice_of(c->appid));
    if (!u) {
        u = xcalloc(1, sizeof *u);
        (void)map_put(a->under_way, slice_of(c->appid), u);
    }
    return u;
}

void alone_begin(struct alone *a, const struct claim *c)
{
    under_way_of(a, c)->n++;
}

void alone_end(struct alone *a, const struct claim *c)
{
    struct under_way *u = under_way_of(a, c);
    ASSERT(u->n > 0);
    u->n--;
}

void alone_forget_app(struct alone *a, struct slice appid)
{
    const struct under_way *u = map_get(a->under_way, appid);
    if (u && u->n == 0)
        free(map_remove(a->under_way, appid));
}

/* ---- the decision ---- */

enum claim_verdict alone_decide(struct alone *a, const struct claims_limits *l,
                                const struct claim *c, mono_ms_t now, int64_t *retry_after_ms)
{
    if (l->under_way_max > 0 && under_way_of(a, c)->n >= l->under_way_max)
        return CLAIM_BUSY;
    *retry_after_ms = wait_of(a, l, c, now);
    if (*retry_after_ms > 0)
        return CLAIM_LIMITED;
    if (limit_of_user(l, c))
        alone_count_phone(a, l, c, c->user_id, now);
    if (limit_of_address(l, c))
        windows_count(a->windows, slice_of(c->address), l->per_address, now);
    return CLAIM_MINE;
}
