#include "loginsvc/sessions/revocation_news.h"

void revocation_channel(const char *prefix, char out[REVOCATION_CHANNEL_SIZE])
{
    struct text t = text_init(out, REVOCATION_CHANNEL_SIZE);
    text_fmt(&t, "%s:sessions:ended", prefix);
    ASSERT(!t.cut);
}

void revocation_news_write(const char *sid, wall_ms_t until, char out[REVOCATION_NEWS_SIZE])
{
    struct text t = text_init(out, REVOCATION_NEWS_SIZE);
    ASSERT(session_id_valid(slice_of(sid)) && until.ms > 0);
    text_fmt(&t, "%s %lld", sid, (long long)until.ms);
    ASSERT(!t.cut);
}

struct revocation_news revocation_news_read(struct slice message)
{
    struct revocation_news news = {.kind = REVOCATION_GARBLED};
    struct slice rest = message, sid = slice_cut(&rest, ' ');
    if (slice_is(message, REVOCATION_NEWS_LOOK))
        news.kind = REVOCATION_LOOK;
    else if (session_id_valid(sid) && slice_to_int(rest, 1, INT64_MAX, &news.until.ms) &&
             slice_copy(sid, news.sid, sizeof news.sid))
        news.kind = REVOCATION_ENDED;
    return news;
}
