#include "tokend/api/event_id.h"

#include <stdio.h>
#include <string.h>

static bool is_appid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n <= TOKEN_APPID_MAX;
}

bool event_id_parse(struct slice text, struct event_id *out)
{
    struct slice appid = text, entry = slice_cut(&appid, ':');
    struct event_id id;
    if (!appid.p || !is_appid(appid) || !stream_id_parse(entry, &id.entry) ||
        !slice_copy(appid, id.appid, sizeof id.appid))
        return false;
    *out = id;
    return true;
}

void event_id_format(const struct event_id *id, char out[EVENT_ID_SIZE])
{
    char entry[STREAM_ID_SIZE];
    stream_id_format(id->entry, entry);
    snprintf(out, EVENT_ID_SIZE, "%s:%s", entry, id->appid);
}

int event_id_compare(const struct event_id *a, const struct event_id *b)
{
    int entries = stream_id_compare(a->entry, b->entry);
    return entries ? entries : strcmp(a->appid, b->appid);
}

struct event_id event_id_of_moment(int64_t unix_ms)
{
    return (struct event_id){.entry = {unix_ms, 0}, .appid = ""};
}

struct event_id event_id_without_app(const struct event_id *id)
{
    bool names_app = id->appid[0] != '\0';
    return (struct event_id){.entry = names_app ? event_id_next(id, "") : id->entry, .appid = ""};
}

struct stream_id event_id_next(const struct event_id *id, const char *appid)
{
    if (strcmp(appid, id->appid) > 0)
        return id->entry;
    return (struct stream_id){id->entry.ms, id->entry.seq + 1}; /* ids have 18 digits at most */
}
