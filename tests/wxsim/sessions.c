#include "wxsim/sessions.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

enum { NAME_SIZE = OPENID_MAX + 16 };

struct session {
    struct list age; /* in sessions.by_age, the oldest first */
    uint64_t serial;
    char name[NAME_SIZE];
};

struct sessions {
    struct map *by_name;
    struct list by_age;
    uint64_t last_serial;
};

struct sessions *sessions_new(void)
{
    struct sessions *s = xcalloc(1, sizeof *s);
    s->by_name = map_new(0);
    list_init(&s->by_age);
    return s;
}

static void forget_oldest(struct sessions *s)
{
    struct session *oldest = LIST_ENTRY(list_pop_front(&s->by_age), struct session, age);
    ASSERT(map_remove(s->by_name, slice_of(oldest->name)) == oldest);
    free(oldest);
}

void sessions_clear(struct sessions *s)
{
    while (!list_empty(&s->by_age))
        forget_oldest(s);
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    sessions_clear(s);
    map_free(s->by_name);
    free(s);
}

/* The same openid may exist in two apps. */
static struct slice name_of(uint32_t app, struct slice openid, char out[NAME_SIZE])
{
    struct text t = text_init(out, NAME_SIZE);
    text_fmt(&t, "%u:", app);
    text_add(&t, openid);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

uint64_t sessions_renew(struct sessions *s, uint32_t app, struct slice openid)
{
    char buffer[NAME_SIZE];
    struct slice name = name_of(app, openid, buffer);
    struct session *session = map_get(s->by_name, name);
    if (!session) {
        if (map_count(s->by_name) == SESSIONS_MAX)
            forget_oldest(s);
        session = xcalloc(1, sizeof *session);
        ASSERT(slice_copy(name, session->name, sizeof session->name));
        map_put(s->by_name, name, session);
    }
    list_remove(&session->age);
    list_push_back(&s->by_age, &session->age);
    session->serial = ++s->last_serial;
    return session->serial;
}

uint64_t sessions_find(const struct sessions *s, uint32_t app, struct slice openid)
{
    char buffer[NAME_SIZE];
    if (openid.n > OPENID_MAX)
        return 0;
    const struct session *session = map_get(s->by_name, name_of(app, openid, buffer));
    return session ? session->serial : 0;
}
