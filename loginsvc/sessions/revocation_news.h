/* revocation_news.h - what processes tell each other about ended sessions: the channel's name and
 * the messages on it. Pure; any thread.
 *
 *   P:sessions:ended    "SID UNTIL"   this session was ended; what matters until then (Unix ms)
 *                       "*"           look into the database
 */
#ifndef SESSIONS_REVOCATION_NEWS_H
#define SESSIONS_REVOCATION_NEWS_H

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/sessions/session.h"

enum {
    REVOCATION_CHANNEL_SIZE = 96,                        /* its name, with NUL */
    REVOCATION_NEWS_SIZE = SESSION_ID_SIZE - 1 + 20 + 1, /* a message, with NUL */
};

#define REVOCATION_NEWS_LOOK "*"

enum revocation_news_kind {
    REVOCATION_ENDED,
    REVOCATION_LOOK,
    REVOCATION_GARBLED, /* not ours, or of another version */
};

struct revocation_news {
    enum revocation_news_kind kind;
    char sid[SESSION_ID_SIZE]; /* ENDED: which, */
    wall_ms_t until;           /* and until when that matters */
};

/* `prefix` (KEY_PREFIX) has at most 64 bytes (asserted), as the settings see to. */
void revocation_channel(const char *prefix, char out[REVOCATION_CHANNEL_SIZE]);

/* sid is a session id, until lies after 1970 (asserted). */
void revocation_news_write(const char *sid, wall_ms_t until, char out[REVOCATION_NEWS_SIZE]);

/* Takes any bytes. */
struct revocation_news revocation_news_read(struct slice message);

#endif
